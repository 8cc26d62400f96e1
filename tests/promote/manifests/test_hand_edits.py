"""What people write into an InferenceService by hand stays when goldenpath writes it again."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from goldenpath.canonical import JsonValue
from goldenpath.parsers.yaml_parser import parse_yaml, render_yaml
from goldenpath.promote.manifests.deployment_files import service_path
from goldenpath.promote.workspace.stage_changes import roll_back, roll_out
from tests.promote.road import MODEL, Road

PATH = service_path("dev", MODEL)
RESOURCES = {"limits": {"cpu": "2", "memory": "1Gi"}}
ENV = [{"name": "OMP_NUM_THREADS", "value": "2"}]


@pytest.fixture
def road(tmp_path: Path) -> Road:
    return Road(tmp_path)


def service(road: Road) -> dict[str, JsonValue]:
    content = road.repository.read(road.trusted().commit, PATH)
    assert content is not None
    return parse_yaml(content, PATH)


def edit_by_hand(road: Road) -> None:
    value = yaml.safe_load(render_yaml(service(road)))
    value["metadata"]["labels"] = {"team": "credit"}
    value["metadata"]["annotations"]["bank.example/owner"] = "risk"
    value["spec"]["predictor"]["model"]["resources"] = RESOURCES
    value["spec"]["predictor"]["model"]["env"] = ENV
    value["spec"]["predictor"]["maxReplicas"] = 4
    engineer = road.people["platform-engineer"]
    road.pass_time(minutes=1)
    road.repository.commit(
        road.trusted().commit, {PATH: render_yaml(value)}, "dev: more memory", engineer.name,
        key=engineer.key, now=road.now,
    )  # fmt: skip


def member(value: JsonValue, *names: str) -> JsonValue:
    for name in names:
        assert isinstance(value, Mapping)
        value = value[name]
    return value


def check(value: JsonValue) -> None:
    assert member(value, "metadata", "labels") == {"team": "credit"}
    assert member(value, "metadata", "annotations", "bank.example/owner") == "risk"
    assert member(value, "spec", "predictor", "model", "resources") == RESOURCES
    assert member(value, "spec", "predictor", "model", "env") == ENV
    assert member(value, "spec", "predictor", "maxReplicas") == 4


def test_hand_edits_outlive_promotion_steps_and_rollback(road: Road) -> None:
    one, two = road.release(b"one"), road.release(b"two")
    road.promote(one, "dev")
    edit_by_hand(road)

    road.promote(two, "dev", steps=(10, 50, 100))
    canary = service(road)
    roll_out(road.machine(), MODEL, "dev", 50)
    roll_out(road.machine(), MODEL, "dev", 100)
    stable = service(road)
    roll_back(road.machine(), MODEL, "dev", reason="answers differ")

    check(canary)
    listed = member(canary, "spec", "canary")
    assert isinstance(listed, list)
    assert member(listed[0], "predictor", "model", "resources") == RESOURCES
    # KServe's webhook would refuse it there.
    assert "maxReplicas" not in str(listed)
    check(stable)
    assert "canary" not in str(stable)
    check(service(road))
    assert one.text in str(service(road))


def test_edits_of_the_canary_stay_with_it_when_it_takes_over(road: Road) -> None:
    one, two = road.release(b"one"), road.release(b"two")
    road.promote(one, "dev")
    road.promote(two, "dev", steps=(10, 100))
    value = yaml.safe_load(render_yaml(service(road)))
    value["spec"]["canary"][0]["predictor"]["model"]["resources"] = RESOURCES
    engineer = road.people["platform-engineer"]
    road.repository.commit(
        road.trusted().commit, {PATH: render_yaml(value)}, "dev: more memory", engineer.name,
        key=engineer.key, now=road.now,
    )  # fmt: skip

    roll_out(road.machine(), MODEL, "dev", 100)

    assert member(service(road), "spec", "predictor", "model", "resources") == RESOURCES
