"""A service for each release and one route: both forms read back, and each cheat is refused."""

import dataclasses

import pytest
import yaml

from goldenpath.errors import InvalidInput
from goldenpath.promote.manifests.deployment_files import (
    changed_files,
    parse_deployments,
    render_deployment,
    survey,
)
from goldenpath.promote.manifests.desired import Deployment, Slot, slot_name
from goldenpath.promote.manifests.object_names import service_name
from tests.promote.example import ONE, TWO, platform
from tests.promote.manifests.crds import check

MODEL, FOLDER = "credit-default", "envs/prod/credit-default"
STABLE = Deployment("prod", MODEL, (Slot(slot_name(ONE), ONE, 100, 2),))
CANARY = STABLE.moved_to((Slot(slot_name(ONE), ONE, 90, 2), Slot(slot_name(TWO), TWO, 10, 1)))
SHADOW = STABLE.moved_to((Slot(slot_name(ONE), ONE, 100, 2), Slot(slot_name(TWO), TWO, 0, 1)))
WHOLE = CANARY.moved_to((Slot(slot_name(TWO), TWO, 100, 2),))
STOPPED = dataclasses.replace(WHOLE, stopped=True)
ROUTE = f"{FOLDER}/route.yaml"
FIRST, SECOND = (f"{FOLDER}/{service_name(MODEL, each)}.yaml" for each in (ONE, TWO))
ALL = [STABLE, CANARY, SHADOW, WHOLE, STOPPED]


@pytest.mark.parametrize("deployment", ALL)
def test_a_deployment_reads_back_as_it_was_written(deployment: Deployment) -> None:
    files = render_deployment(deployment, platform())

    assert parse_deployments(files, platform()) == (deployment,)
    assert survey(files, platform()).ignored == ()
    assert render_deployment(deployment, platform(), files) == files


@pytest.mark.parametrize("deployment", ALL)
def test_a_cluster_would_take_every_file(deployment: Deployment) -> None:
    for content in render_deployment(deployment, platform()).values():
        check(yaml.safe_load(content))


def test_the_release_before_stays_without_traffic_until_the_next_one_enters() -> None:
    assert STABLE.standby is None and CANARY.standby is None
    assert WHOLE.standby is not None and WHOLE.standby.digest == ONE

    back = WHOLE.moved_to((Slot(slot_name(ONE), ONE, 100, 2),))
    assert back.standby is not None and back.standby.digest == TWO
    other = dataclasses.replace(WHOLE, standby=None).slots[0].digest
    assert other == TWO


def test_a_rollback_changes_the_route_alone() -> None:
    files = render_deployment(WHOLE, platform())
    back = WHOLE.moved_to((Slot(slot_name(ONE), ONE, 100, 2),))

    changed = changed_files(back, platform(), files)

    assert changed.keys() == files.keys()
    assert [path for path in files if changed[path] != files[path]] == [ROUTE]


def test_a_service_goes_in_a_later_wave_than_the_route_comes() -> None:
    files = render_deployment(CANARY, platform())
    after = changed_files(CANARY.moved_to(STABLE.slots), platform(), files)
    gone = changed_files(dataclasses.replace(STABLE, standby=None), platform(), files)
    waves = {
        path: yaml.safe_load(content)["metadata"]["annotations"] for path, content in files.items()
    }

    assert None not in after.values()
    assert [path for path, content in gone.items() if content is None] == [SECOND]
    assert {each["argocd.argoproj.io/sync-options"] for each in waves.values()} == {
        "PruneLast=true"
    }
    assert waves[ROUTE]["argocd.argoproj.io/sync-wave"] == "1"
    assert waves[FIRST]["argocd.argoproj.io/sync-wave"] == "0"


def test_what_people_wrote_stays_and_a_new_release_takes_it_over() -> None:
    files = dict(render_deployment(STABLE, platform()))
    value, route = yaml.safe_load(files[FIRST]), yaml.safe_load(files[ROUTE])
    value["spec"]["predictor"]["model"]["env"] = [{"name": "OMP_NUM_THREADS", "value": "2"}]
    value["metadata"]["labels"]["team"] = "credit"
    route["spec"]["hostnames"] = [f"{MODEL}.prod.bank.example"]
    route["metadata"]["labels"] = {"team": "credit"}
    files |= {FIRST: yaml.safe_dump(value).encode(), ROUTE: yaml.safe_dump(route).encode()}

    written = render_deployment(CANARY, platform(), files)

    for path in (FIRST, SECOND):
        new = yaml.safe_load(written[path])
        assert new["metadata"]["labels"]["team"] == "credit"
        assert new["spec"]["predictor"]["model"]["env"][0]["name"] == "OMP_NUM_THREADS"
    after = yaml.safe_load(written[ROUTE])
    assert after["spec"]["hostnames"] == [f"{MODEL}.prod.bank.example"]
    assert after["metadata"]["labels"] == {"team": "credit"}


def test_a_shadow_gets_copies_and_no_traffic() -> None:
    (rule,) = yaml.safe_load(render_deployment(SHADOW, platform())[ROUTE])["spec"]["rules"]

    (copies,) = rule["filters"]
    assert copies["requestMirror"]["backendRef"]["name"] == rule["backendRefs"][1]["name"]
    assert [each["weight"] for each in rule["backendRefs"]] == [100, 0]


CHEATS = [
    (FIRST, "Standard", "Knative", "Knative"),
    (FIRST, "runtime: goldenpath", "runtime: theirs", "runtime"),
    (FIRST, "      runtime: goldenpath\n", "", "runtime"),
    (FIRST, "    minReplicas: 2", "    name: r1\n    minReplicas: 2", "name"),
    (FIRST, "    minReplicas: 2", "    minReplicas: 2\n    canaryTrafficPercent: 1", "canary"),
    (FIRST, "    model:\n", "    model:\n      name: kserve-container\n", "model.name"),
    (FIRST, "registry.example", "evil.example", "storageUri"),
    (FIRST, str(ONE), str(TWO), "metadata.name"),
    (FIRST, "sync-wave: '0'", "sync-wave: '2'", "sync-wave"),
    (FIRST, "kind: InferenceService", "kind: Pod", "kind"),
    (FIRST, "spec:\n", "spec:\n  transformer: {}\n", "transformer"),
    (ROUTE, "weight: 90", "weight: 91", "add up"),
    (ROUTE, "weight: 90", "weight: -1", "weight"),
    (ROUTE, "weight: 10", "weight: 0", "add up"),
    (ROUTE, "namespace: goldenpath", "namespace: goldenpath\n    kind2: x", "kind2"),
    (ROUTE, f"{MODEL}.prod.", f"{MODEL}.dev.", "hostnames"),
    (ROUTE, f"{MODEL}.prod.", f"x{MODEL}.prod.", "hostnames"),
    (ROUTE, "port: 80", "port: 8080", "port"),
    (ROUTE, "kind: Service", "kind: Secret", "kind"),
    (ROUTE, "sync-wave: '1'", "sync-wave: '-1'", "annotations"),
    (ROUTE, "    sync-options", "    x: y\n    sync-options", "expected"),
    (ROUTE, "value: /", "value: /x", "value"),
    (ROUTE, f"name: {MODEL}-route", f"name: {MODEL}", "metadata.name"),
    (ROUTE, f"{service_name(MODEL, TWO)}-predictor", "collector", "backend"),
    (ROUTE, f"{service_name(MODEL, TWO)}-predictor", f"{MODEL}-00000000-predictor", "not there"),
    (ROUTE, f"{service_name(MODEL, TWO)}-predictor", f"{service_name(MODEL, ONE)}-predictor",
     "twice"),
    (ROUTE, "  rules:", "  rules: []\n  more:", "rules"),
    (ROUTE, "kind: HTTPRoute", "kind: HTTPRoute\nkind: HTTPRoute", "twice"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "old", "new", "what"), CHEATS)
def test_a_malformed_deployment_is_refused_by_name(
    path: str, old: str, new: str, what: str
) -> None:
    files = dict(render_deployment(CANARY, platform()))
    content = files[path].decode()
    if old not in content:
        old, new = "  annotations:", "  annotations:\n    x: y"
    assert old in content
    files[path] = content.replace(old, new).encode()

    with pytest.raises(InvalidInput, match=what) as caught:
        parse_deployments(files, platform())
    assert FOLDER in caught.value.message


@pytest.mark.parametrize("path", [FIRST, SECOND, ROUTE])
def test_a_file_that_is_missing_stops_the_deployment(path: str) -> None:
    files = dict(render_deployment(CANARY, platform()))
    del files[path]

    assert survey(files, platform()).problems.keys() == {"prod/credit-default"}


@pytest.mark.parametrize(
    "name", [f"{MODEL}-00000000.yaml", "fraud-00000000.yaml", "inferenceservice.yaml"]
)
def test_a_file_that_the_route_does_not_name_stops_the_deployment(name: str) -> None:
    files = {**render_deployment(STABLE, platform())}
    files[f"{FOLDER}/{name}"] = files[FIRST]

    (problem,) = survey(files, platform()).problems.values()
    assert name in problem


def test_two_releases_without_traffic_are_refused() -> None:
    files = dict(render_deployment(WHOLE, platform()))
    third = files[FIRST].replace(str(ONE).encode(), f"sha256:{'0' * 64}".encode())
    third = third.replace(service_name(MODEL, ONE).encode(), f"{MODEL}-00000000".encode())
    route = yaml.safe_load(files[ROUTE])
    backends = route["spec"]["rules"][0]["backendRefs"]
    backends.append({**backends[1], "name": f"{MODEL}-00000000-predictor"})
    files |= {ROUTE: yaml.safe_dump(route).encode(), f"{FOLDER}/{MODEL}-00000000.yaml": third}

    with pytest.raises(InvalidInput, match="keeps 2 releases without traffic"):
        parse_deployments(files, platform())


def test_some_stopped_services_are_refused() -> None:
    files = dict(render_deployment(CANARY, platform()))
    files[FIRST] = render_deployment(
        dataclasses.replace(CANARY, stopped=True), platform()
    )[FIRST]  # fmt: skip

    with pytest.raises(InvalidInput, match="all or none"):
        parse_deployments(files, platform())
