"""A deployment in one InferenceService: the form of 0.1, and that of Knative mode."""

import dataclasses

import pytest
import yaml

from goldenpath.errors import InvalidInput
from goldenpath.promote.manifests.deployment_files import (
    Survey,
    parse_deployments,
    render_deployment,
    survey,
)
from goldenpath.promote.manifests.desired import (
    Deployment,
    Scaling,
    Slot,
    slot_name,
)
from goldenpath.promote.manifests.inference_manifest import VARIABLES
from tests.promote.example import ONE, TWO, platform
from tests.promote.manifests.crds import check

STABLE = Deployment("prod", "credit-default", (Slot(slot_name(ONE), ONE, 100, 2),), form="single")
CANARY = dataclasses.replace(
    STABLE, slots=(Slot(slot_name(ONE), ONE, 90, 2), Slot(slot_name(TWO), TWO, 10, 1))
)
STOPPED = dataclasses.replace(STABLE, stopped=True)
PATH = "envs/prod/credit-default/inferenceservice.yaml"


@pytest.mark.parametrize("deployment", [STABLE, CANARY, STOPPED])
def test_a_deployment_reads_back_as_it_was_written(deployment: Deployment) -> None:
    files = render_deployment(deployment, platform())

    assert parse_deployments(files, platform()) == (deployment,)
    assert survey(files, platform()).ignored == ()


@pytest.mark.parametrize("deployment", [STABLE, CANARY, STOPPED])
def test_a_cluster_would_take_the_manifest(deployment: Deployment) -> None:
    for content in render_deployment(deployment, platform()).values():
        check(yaml.safe_load(content))


def test_the_schema_of_the_cluster_bites() -> None:
    manifest = yaml.safe_load(render_deployment(CANARY, platform())[PATH])
    manifest["spec"]["canary"][0]["percent"] = 10

    with pytest.raises(Exception, match="percent"):
        check(manifest)


def test_a_canary_is_written_as_kserve_wants_it() -> None:
    manifest = yaml.safe_load(render_deployment(CANARY, platform())[PATH])

    (canary,) = manifest["spec"]["canary"]
    assert canary["trafficPercent"] == 10
    assert canary["predictor"]["name"] == slot_name(TWO)
    assert "maxReplicas" not in canary["predictor"]
    assert canary["predictor"]["model"]["storageUri"] == (
        f"oci+native://registry.example/models/credit-default@{TWO}"
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("Standard", "RawDeployment", "deploymentMode"),
        ("v1beta1", "v1alpha1", "apiVersion"),
        ("kind: InferenceService", "kind: Pod", "kind"),
        ("name: credit-default", "name: other", "metadata.name"),
        ("trafficPercent: 10", "trafficPercent: 101", "trafficPercent"),
        ("trafficPercent: 10", "trafficPercent: ten", "trafficPercent"),
        ("registry.example", "evil.example", "storageUri"),
        ("@sha256:", "@sha512:", "storageUri"),
        ("@sha256:", ":latest-", "storageUri"),
        (f"name: {slot_name(TWO)}", f"name: {slot_name(ONE)}", "name"),
        ("minReplicas: 1", "minReplicas: 9", "at most the stable's"),
        ("minReplicas: 1", "minReplicas: -1", "minReplicas"),
        ("minReplicas: 1", "maxReplicas: 1", "maxReplicas"),
        ("protocolVersion: v2", "protocolVersion: v1", "protocolVersion"),
        ("kind: InferenceService", "kind: InferenceService\nkind: InferenceService", "twice"),
        ("spec:", "other: &a [1]\nanother: *a\nspec:", "alias"),
        ("spec:", "spec: [", "not valid YAML"),
        ("spec:", "spec: !!python/object:os.system", "not valid YAML"),
    ],
)
def test_a_malformed_manifest_is_refused_by_name(old: str, new: str, said: str) -> None:
    content = render_deployment(CANARY, platform())[PATH].decode()
    assert old in content

    with pytest.raises(InvalidInput, match=said) as caught:
        parse_deployments({PATH: content.replace(old, new).encode()}, platform())
    assert PATH in caught.value.message


def test_all_faults_of_form_are_named_at_once() -> None:
    content = render_deployment(CANARY, platform())[PATH].decode()
    for old, new in (
        ("v1beta1", "v1alpha1"),
        ("trafficPercent: 10", "trafficPercent: ten"),
        ("protocolVersion: v2", "env: [{name: 1a}, {name: B, value: 2}]"),
    ):
        content = content.replace(old, new, 1)

    with pytest.raises(InvalidInput) as caught:
        parse_deployments({PATH: content.encode()}, platform())

    assert caught.value.message == (
        f"{PATH} has 5 faults: "
        "apiVersion: expected one of serving.kserve.io/v1beta1, got 'serving.kserve.io/v1alpha1'; "
        "spec.canary[0].trafficPercent: expected a whole number from 0 to 100, got 'ten'; "
        "spec.predictor.model.protocolVersion: expected a value, got nothing; "
        "spec.predictor.model.env[0].name: expected a variable's name, got '1a'; "
        "spec.predictor.model.env[1].value: expected a text without NUL, got 2"
    )


def test_one_malformed_manifest_does_not_hide_the_others() -> None:
    files = {**render_deployment(STABLE, platform()), "envs/dev/m/inferenceservice.yaml": b"x"}

    found = survey(files, platform())

    assert found.deployments == (STABLE,)
    assert list(found.problems) == ["dev/m"]


def test_an_unknown_stage_is_a_problem() -> None:
    (content,) = render_deployment(STABLE, platform()).values()

    found = survey({"envs/live/credit-default/inferenceservice.yaml": content}, platform())

    assert "platform.toml" in found.problems["live/credit-default"]


def test_fields_that_one_machine_does_not_honour_are_named() -> None:
    content = render_deployment(STABLE, platform())[PATH]
    content = content.replace(b"    minReplicas: 2", b"    minReplicas: 2\n    maxReplicas: 4")

    (said,) = survey({PATH: content}, platform()).ignored
    assert said == f"{PATH}: spec.predictor.maxReplicas, as the autoscalerClass is none"


def edited(*changes: tuple[str, str]) -> Survey:
    """Return what is read after a person has edited the file."""
    content = render_deployment(STABLE, platform())[PATH].decode()
    for old, new in changes:
        assert old in content
        content = content.replace(old, new)
    return survey({PATH: content.encode()}, platform())


KNATIVE = ("deploymentMode: Standard", "deploymentMode: Knative")
REPLICAS = "    minReplicas: 2"
VERSION = "      protocolVersion: v2"
NOTES = "  annotations:"


def test_servers_follow_the_traffic_within_the_bounds_that_were_written() -> None:
    found = edited(
        KNATIVE,
        (REPLICAS, "    minReplicas: 0\n    maxReplicas: 3\n    scaleTarget: 5"),
        (NOTES, f"{NOTES}\n    autoscaling.knative.dev/window: 1m30s"),
        (
            NOTES,
            f"{NOTES}\n    autoscaling.knative.dev/scale-to-zero-pod-retention-period: 10s",
        ),
    )

    (deployment,) = found.deployments
    assert deployment.slots[0].replicas == 0
    assert deployment.scaling == Scaling(most=3, target=5, idle=100.0)
    assert found.ignored == ()


def test_variables_on_the_list_and_memory_are_read_and_others_are_named() -> None:
    more = f"""{VERSION}
      env:
      - {{name: OMP_NUM_THREADS, value: "2"}}
      - {{name: THRESHOLD, value: "0.5"}}
      - {{name: OPENSSL_CONF, value: evil.cnf}}
      - {{name: MKL_NUM_THREADS, value: "2; x"}}
      - {{name: PYTHONPATH, value: /tmp}}
      - {{name: TOKEN, valueFrom: {{secretKeyRef: {{name: a, key: b}}}}}}
      resources: {{limits: {{memory: 512Mi, cpu: "2"}}, requests: {{cpu: "1"}}}}"""
    found = edited((VERSION, more))

    (deployment,) = found.deployments
    assert deployment.slots[0].env == (("OMP_NUM_THREADS", "2"),)
    assert deployment.slots[0].memory == 512 * 1024**2
    words = [each.removeprefix(f"{PATH}: spec.predictor.model.") for each in found.ignored]
    assert words == [
        "resources.requests",
        "resources.limits.cpu",
        f"env THRESHOLD, expected one of {', '.join(VARIABLES)}",
        f"env OPENSSL_CONF, expected one of {', '.join(VARIABLES)}",
        "env MKL_NUM_THREADS, expected a whole number from 1 to 999",
        f"env PYTHONPATH, expected one of {', '.join(VARIABLES)}",
        "env TOKEN with valueFrom",
    ]


def test_a_canary_of_knative_mode_reads_back_and_ends() -> None:
    begun = render_deployment(STABLE, platform())[PATH].decode().replace(*KNATIVE).encode()
    stable = dataclasses.replace(STABLE.slots[0], percent=90)
    canary = dataclasses.replace(STABLE, slots=(stable, Slot(slot_name(TWO), TWO, 10, 2)))

    during = render_deployment(canary, platform(), {PATH: begun})
    after = render_deployment(STABLE, platform(), during)

    manifest = yaml.safe_load(during[PATH])
    check(manifest)
    assert manifest["spec"]["predictor"]["canaryTrafficPercent"] == 10
    assert "canary" not in manifest["spec"]
    assert parse_deployments(during, platform()) == (canary,)
    assert parse_deployments(after, platform()) == (STABLE,)
    assert b"canaryTrafficPercent" not in after[PATH]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (REPLICAS, f"{REPLICAS}\n    maxReplicas: 1", "at least minReplicas"),
        (NOTES, f"{NOTES}\n    autoscaling.knative.dev/window: 1s", "6s to 1h"),
        (NOTES, f"{NOTES}\n    autoscaling.knative.dev/window: soon", "1m30s"),
        (REPLICAS, f"{REPLICAS}\n    canaryTrafficPercent: 5", "spec.canary"),
        (VERSION, f"{VERSION}\n      env: THRESHOLD", "env"),
        (VERSION, f"{VERSION}\n      env: [{{name: 1}}]", "env"),
        (VERSION, f"{VERSION}\n      resources: {{limits: {{memory: much}}}}", "512Mi"),
    ],
)
def test_what_servers_cannot_be_scaled_or_started_by_is_refused(
    old: str, new: str, said: str
) -> None:
    assert said in edited((old, new)).problems["prod/credit-default"]


def test_a_canary_of_knative_mode_needs_to_say_what_it_is_held_against() -> None:
    found = edited(KNATIVE, (REPLICAS, f"{REPLICAS}\n    canaryTrafficPercent: 5"))

    assert "goldenpath.example/stable" in found.problems["prod/credit-default"]


def test_shares_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(InvalidInput, match="add up"):
        render_deployment(
            Deployment("dev", "m", (Slot(slot_name(ONE), ONE, 90),)),
            platform(),
        )
