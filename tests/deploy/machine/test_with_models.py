"""Real servers of real releases: what they answered, and what they wrote down of it."""

import json
import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from goldenpath.canonical import JsonValue
from goldenpath.deploy.reconcile.target import Apply
from goldenpath.digest import Digest
from goldenpath.promote.manifests.desired import Deployment, Scaling, Slot, slot_name
from goldenpath.serve.protocol import grpc_messages, inference_service
from goldenpath.serve.record.spool_format import Answered
from goldenpath.serve.record.spool_reader import read
from tests.deploy.contract import deployment, release
from tests.deploy.machine.local import Machine, machine
from tests.serve.onnx_graph import logistic_regression
from tests.serve.process import Packed, another, packed
from tests.serve.running import ROW, WEIGHTS, question

QUESTION = json.dumps(question(ROW)).encode()
SERVER = (sys.executable, "-m", "goldenpath.serve")


@pytest.fixture(scope="module")
def packed_release(tmp_path_factory: pytest.TempPathFactory) -> Packed:
    return packed(tmp_path_factory.mktemp("packed"))


@pytest.fixture
def here(tmp_path: Path, packed_release: Packed) -> Iterator[Machine]:
    """A machine over real model servers."""
    (tmp_path / "registry").symlink_to(packed_release.folder / "registry")
    launch = packed_release.launch()
    assert launch.trust is not None
    trust = launch.trust
    with machine(tmp_path, server=SERVER, trust=trust) as found:
        yield found


def sleeper(digest: Digest) -> Deployment:
    """A deployment that is stopped when nobody asks for a moment."""
    slots = (Slot(slot_name(digest), digest, 100, 0),)
    return Deployment("prod", "credit", slots, scaling=Scaling(idle=0.2))


def sleeps(here: Machine) -> bool:
    return here.target.observe()["prod/credit"].phase == "asleep" and not here.target.servers()


def recorded(folder: Path) -> list[Answered]:
    """Every record in the spool."""
    return [
        record
        for path in (folder / "spool").glob("*.spool")
        for block in read(path)[0]
        if isinstance(block, list)
        for record in block
    ]


def test_no_request_and_no_record_is_lost_when_servers_sleep_wake_and_are_killed(
    here: Machine, packed_release: Packed, tmp_path: Path
) -> None:
    here.target.perform(Apply(sleeper(packed_release.image.digest)))
    answered: list[tuple[int, str]] = []

    def ask(_: int) -> None:
        status, headers, _body = here.ask(body=QUESTION)
        answered.append((status, headers["x-goldenpath-prediction-id"]))

    with ThreadPoolExecutor(8) as clients:
        for is_killed in (False, True, False):
            here.until(lambda: sleeps(here))
            asking = [clients.submit(ask, number) for number in range(40)]
            if is_killed:
                here.until(lambda: bool(here.target.servers()))
                os.kill(here.target.servers()[0], signal.SIGKILL)
            here.until(lambda asking=asking: all(each.done() for each in asking))  # type: ignore[misc]
        here.until(lambda: sleeps(here))

    assert {status for status, _ in answered} == {200}
    assert len({name for _, name in answered}) == 120
    written = [record.prediction_id for record in recorded(tmp_path)]
    assert sorted(written) == sorted(name for _, name in answered)
    cold = here.target.observe()["prod/credit"].cold_starts
    assert cold is not None
    assert cold.wakes >= 3
    assert 0 < cold.p50 <= cold.p99


def test_a_shadow_answers_the_same_question_and_nobody_decides_by_it(
    here: Machine, packed_release: Packed, tmp_path: Path
) -> None:
    live = packed_release.image.digest
    dark = another(packed_release, logistic_regression(WEIGHTS, 3.0)).digest
    slots = (Slot(slot_name(live), live, 100), Slot(slot_name(dark), dark, 0))
    here.target.perform(Apply(Deployment("prod", "credit", slots)))
    here.settle()

    ids = {here.ask(body=QUESTION)[1]["x-goldenpath-prediction-id"] for _ in range(5)}
    here.until(lambda: len(recorded(tmp_path)) == 10)
    name = f"prod/credit/{slot_name(dark)}"

    def pairs() -> tuple[JsonValue, JsonValue]:
        tally = here.target.tallies.get(name)
        return (tally["compared"], tally["disagreed"]) if isinstance(tally, dict) else (0, 0)

    here.until(lambda: pairs() == (5, 5))
    records = recorded(tmp_path)
    assert {each.prediction_id for each in records if each.shadow} == ids
    assert {each.prediction_id for each in records if not each.shadow} == ids


def test_a_shadow_that_says_the_same_agrees_in_every_form(
    here: Machine, packed_release: Packed
) -> None:
    live = packed_release.image.digest
    # Another model by its bytes, and the same by what it answers, up to rounding.
    dark = another(packed_release, logistic_regression(WEIGHTS, -0.50000006)).digest
    slots = (Slot(slot_name(live), live, 100), Slot(slot_name(dark), dark, 0))
    here.target.perform(Apply(Deployment("prod", "credit", slots)))
    here.settle()
    columns = ("limit", "age", "status", "paid")
    table = json.dumps({"rows": [dict(zip(columns, ROW, strict=True))]}).encode()
    binary = json.dumps(question(ROW, parameters={"binary_data_output": True})).encode()
    tensor = {"name": "features", "datatype": "FP32", "shape": [1, 4]}
    asked: dict[str, object] = {"model_name": "credit", "inputs": [tensor]}
    raw = asked | {"raw_input_contents": [np.array(ROW, "<f4").tobytes()]}
    contents = asked | {"inputs": [tensor | {"contents": {"fp32_contents": ROW}}]}
    call = f"/prod/credit{inference_service.PREFIX}{inference_service.INFER}"
    asks = [
        ("/prod/credit/v2/models/credit/infer", QUESTION),
        ("/prod/credit/v2/models/credit/infer", binary),
        ("/prod/credit/v1/models/credit/predict", table),
        (call, grpc_messages.render("ModelInferRequest", raw)),
        (call, grpc_messages.render("ModelInferRequest", contents)),
    ]
    for path, body in asks:
        found = here.client.request("POST", f"http://{here.target.address}{path}", body=body)
        assert found.status == 200, found.data

    def pairs() -> tuple[JsonValue, JsonValue]:
        tally = here.target.tallies.get(f"prod/credit/{slot_name(dark)}")
        return (tally["compared"], tally["disagreed"]) if isinstance(tally, dict) else (0, 0)

    here.until(lambda: pairs()[0] == len(asks))
    assert pairs() == (len(asks), 0)


def test_servers_follow_the_requests_at_a_time_within_their_bounds(tmp_path: Path) -> None:
    scaling = Scaling(most=2, target=1, idle=0.2)
    with machine(tmp_path) as here, ThreadPoolExecutor(8) as clients:
        here.target.perform(Apply(replace(deployment(release(1)), scaling=scaling)))
        here.settle()
        asking = [clients.submit(here.ask, body=b"slowly") for _ in range(8)]

        here.until(lambda: len(here.target.servers()) == 2)
        here.until(lambda: all(each.done() for each in asking))
        assert {each.result()[0] for each in asking} == {200}
        here.until(lambda: len(here.target.servers()) == 1)
