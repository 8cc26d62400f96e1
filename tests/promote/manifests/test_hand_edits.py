"""What people write into an InferenceService by hand stays when goldenpath writes it again."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.parsers.yaml_parser import parse_yaml, render_yaml
from goldenpath.promote.manifests.deployment_files import deployment_folder
from goldenpath.promote.manifests.object_names import service_name
from goldenpath.promote.workspace.stage_changes import roll_back, roll_out
from tests.promote.road import MODEL, Road

FOLDER = deployment_folder("dev", MODEL)
RESOURCES = {"limits": {"cpu": "2", "memory": "1Gi"}}
ENV = [{"name": "OMP_NUM_THREADS", "value": "2"}]


@pytest.fixture
def road(tmp_path: Path) -> Road:
    return Road(tmp_path)


def path_of(digest: Digest) -> str:
    return f"{FOLDER}/{service_name(MODEL, digest)}.yaml"


def service(road: Road, digest: Digest) -> dict[str, JsonValue]:
    content = road.repository.read(road.trusted().commit, path_of(digest))
    assert content is not None
    return parse_yaml(content, path_of(digest))


def edit_by_hand(road: Road, digest: Digest) -> None:
    value = yaml.safe_load(render_yaml(service(road, digest)))
    value["metadata"]["labels"]["team"] = "credit"
    value["metadata"]["annotations"]["bank.example/owner"] = "risk"
    value["spec"]["predictor"]["model"]["resources"] = RESOURCES
    value["spec"]["predictor"]["model"]["env"] = ENV
    value["spec"]["predictor"]["maxReplicas"] = 4
    engineer = road.people["platform-engineer"]
    road.pass_time(minutes=1)
    road.repository.commit(
        road.trusted().commit, {path_of(digest): render_yaml(value)}, "dev: more memory",
        engineer.name, key=engineer.key, now=road.now,
    )  # fmt: skip


def member(value: JsonValue, *names: str) -> JsonValue:
    for name in names:
        assert isinstance(value, Mapping)
        value = value[name]
    return value


def check(value: JsonValue) -> None:
    assert member(value, "metadata", "labels", "team") == "credit"
    assert member(value, "metadata", "annotations", "bank.example/owner") == "risk"
    assert member(value, "spec", "predictor", "model", "resources") == RESOURCES
    assert member(value, "spec", "predictor", "model", "env") == ENV
    assert member(value, "spec", "predictor", "maxReplicas") == 4


def test_hand_edits_outlive_promotion_steps_and_rollback(road: Road) -> None:
    one, two = road.release(b"one"), road.release(b"two")
    road.promote(one, "dev")
    edit_by_hand(road, one)

    road.promote(two, "dev", steps=(10, 50, 100))
    canary = service(road, two)
    roll_out(road.machine(), MODEL, "dev", 50)
    roll_out(road.machine(), MODEL, "dev", 100)
    stable = service(road, two)
    roll_back(road.machine(), MODEL, "dev", reason="answers differ")

    for each in (canary, stable, service(road, one)):
        check(each)
    assert two.text in str(stable)
    assert one.text in str(service(road, one))


def test_edits_of_the_canary_stay_with_it_when_it_takes_over(road: Road) -> None:
    one, two = road.release(b"one"), road.release(b"two")
    road.promote(one, "dev")
    road.promote(two, "dev", steps=(10, 100))
    edit_by_hand(road, two)

    roll_out(road.machine(), MODEL, "dev", 100)

    check(service(road, two))
    assert "team" not in str(service(road, one))
