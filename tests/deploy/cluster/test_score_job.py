"""A job that scores: valid, admitted by the policies, and by nothing but its own release."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
import yaml

from goldenpath.cli import score
from goldenpath.deploy.cluster.score_job import ScoreJob, render_score_job, score_job
from goldenpath.deploy.policies.builtin_policy import AdmissionRequest, refusals
from goldenpath.deploy.policies.rendered_policies import platform_images, rendered_policies
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.promote.manifests.desired import Deployment, Slot
from goldenpath.promote.manifests.kustomize.packaged_files import packaged_files
from goldenpath.serve.table.batch_scoring import ScoreOptions
from tests.promote.example import platform

RELEASE = Digest.of(b"one")
DEPLOYMENT = Deployment("prod", "credit-default", (Slot("r" + RELEASE.hex[:12], RELEASE, 100),))
WISH = ScoreOptions(
    "s3://in/clients", "s3://out/answers.parquet", ("client",), "person", {"process": "monthly"}
)
IMAGES = platform_images(platform())
POLICIES = rendered_policies(platform())
PINNED = f"registry.example/platform/goldenpath-jobs@sha256:{'5' * 64}"
VALUES = yaml.safe_dump(
    {"data": {"jobsImage": PINNED, "gitops": "ssh://git@git.example/g", "trust": "a" * 40}}
).encode()


def job(wish: ScoreOptions = WISH, deployment: Deployment = DEPLOYMENT) -> ScoreJob:
    return score_job("monthly", deployment, RELEASE, wish, concurrency=4)


def manifest() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(render_score_job(replace(job(), image=IMAGES["jobs"])))
    return read


def refused(value: dict[str, Any]) -> list[str]:
    request = AdmissionRequest("batch", "v1", "jobs", value)
    return [each.rule.message for each in refusals(POLICIES, request, IMAGES)]


def test_the_job_is_admitted_by_the_policies_of_the_cluster() -> None:
    assert refused(manifest()) == []


def _argument(position: int, text: str) -> Callable[[dict[str, Any]], None]:
    def change(container: dict[str, Any]) -> None:
        container["args"][position] = text

    return change


def _named(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda container: container.update(name=name)


RELEASE_AT = next(
    place for place, text in enumerate(["score", *job().arguments]) if "--release" in text
)
CHANGES: dict[str, Callable[[dict[str, Any]], None]] = {
    "another verb": _argument(0, "promote"),
    "no release": _argument(RELEASE_AT, "--keep=x"),
    "a release by its first digits": _argument(RELEASE_AT, f"--release=sha256:{'a' * 12}"),
    "a tag": _argument(RELEASE_AT, "--release=latest"),
    "a second release": lambda c: c["args"].append("--release=sha256:" + "b" * 64),
    "another container": _named("kserve-container"),
    "another image": lambda c: c.update(image="registry.example/other@sha256:" + "a" * 64),
    "a command": lambda c: c.update(command=["sh"]),
    "the secret of the witness": lambda c: c.update(envFrom=[{"secretRef": {"name": "log-store"}}]),
    "a whole config map": lambda c: c.update(envFrom=[{"configMapRef": {"name": "x"}}]),
    "a loader": lambda c: c["env"].append({"name": "LD_PRELOAD", "value": "/somewhere/x.so"}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_another_job_is_refused(change: str) -> None:
    value = deepcopy(manifest())
    (container,) = value["spec"]["template"]["spec"]["containers"]
    CHANGES[change](container)

    assert refused(value)


def test_a_job_by_another_account_is_refused() -> None:
    value = manifest()
    value["spec"]["template"]["spec"]["serviceAccountName"] = "deployer"

    assert refused(value) == ["a pod of models runs by an account that has no right"]


def test_the_verb_of_the_image_reads_the_arguments_as_they_were_declared() -> None:
    (container,) = manifest()["spec"]["template"]["spec"]["containers"]
    verb, *arguments = container["args"]
    context = score.verb.make_context(verb, list(arguments))

    assert context.params["model"] == "credit-default"
    assert context.params["release"] == RELEASE.text
    assert (context.params["data"], context.params["out"]) == (WISH.data, WISH.out)
    assert context.params["keep"] == ("client",)
    assert (context.params["subject"], context.params["process"]) == ("person", "monthly")
    host = f"credit-default-{RELEASE.hex[:8]}-predictor.models-prod.svc"
    assert context.params["server"] == f"http://{host}"


def test_kubernetes_replaces_nothing_in_an_argument() -> None:
    wish = replace(WISH, data="s3://in/$(AWS_SECRET_ACCESS_KEY)", subject="$(HOME)")

    for text in job(wish).arguments:
        assert "$(" not in text.replace("$$", "")


def test_what_a_pod_could_not_do_is_refused() -> None:
    for wish, what in (
        (replace(WISH, data="clients.parquet"), "DATA is 'clients.parquet'"),
        (replace(WISH, out="answers.csv"), "--out is 'answers.csv'"),
    ):
        with pytest.raises(InvalidInput, match=what):
            job(wish)
    with pytest.raises(InvalidInput, match="all releases in one service"):
        job(deployment=replace(DEPLOYMENT, form="single"))
    for name in ("", "Monthly", "-x", "x-", "a" * 51, "a/b", "a.b"):
        with pytest.raises(InvalidInput, match="the name of a job"):
            score_job(name, DEPLOYMENT, RELEASE, WISH, concurrency=4)


@pytest.mark.parametrize("image", ["", "registry.example/jobs:1", f"x@sha256:{'0' * 64}"])
def test_without_a_pinned_image_there_is_no_job(image: str) -> None:
    with pytest.raises(InvalidInput, match="expected an image by its digest"):
        job().placed(yaml.safe_dump({"data": {"jobsImage": image}}).encode())


def test_the_image_and_the_addresses_are_those_of_the_values() -> None:
    placed = job().placed(VALUES)

    text = render_score_job(placed).decode()
    assert PINNED in text and "ssh://git@git.example/g" in text and "a" * 40 in text


def test_its_account_secret_project_and_network_are_there() -> None:
    files = {**packaged_files("owned", platform()), **packaged_files("generated", platform())}
    (container,) = manifest()["spec"]["template"]["spec"]["containers"]
    (secret,) = container["envFrom"]

    account = yaml.safe_load(files["cluster/scores/prod/account.yaml"])
    assert account["metadata"] == {"name": "score", "namespace": "models-prod"}
    assert account["automountServiceAccountToken"] is False
    secrets = yaml.safe_load_all(files["cluster/parts/secrets/stage/secrets.yaml"])
    assert secret["secretRef"]["name"] in [each["metadata"]["name"] for each in secrets]
    project, sets = yaml.safe_load_all(files["argocd/platform.yaml"])
    assert {"group": "batch", "kind": "Job"} in project["spec"]["namespaceResourceWhitelist"]
    (listed,) = sets["spec"]["generators"]
    assert {"name": "platform-scores-prod", "path": "cluster/scores/prod"} in (
        listed["list"]["elements"]
    )
    policies = {
        each["metadata"]["name"]: each["spec"]
        for each in yaml.safe_load_all(files["cluster/stage/network.yaml"])
    }
    assert policies["scores"]["podSelector"]["matchLabels"] == {
        "app": manifest()["spec"]["template"]["metadata"]["labels"]["app"]
    }
    way_in = {
        "from": [{"podSelector": {"matchLabels": {"app": "score"}}}],
        "ports": [{"port": 8080, "protocol": "TCP"}],
    }
    assert way_in in policies["models"]["ingress"]


def test_another_try_is_made_only_where_it_could_help() -> None:
    (rule,) = manifest()["spec"]["podFailurePolicy"]["rules"]

    assert rule["action"] == "FailJob"
    assert rule["onExitCodes"]["containerName"] == "score"
    # Exit code 5: the network, the registry or the server was away.
    assert set(rule["onExitCodes"]["values"]).isdisjoint({0, 1, 5})
    assert manifest()["spec"]["template"]["spec"]["restartPolicy"] == "Never"
