"""What clients of Triton ask beside the protocol: the index, the configuration, and refusals."""

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from goldenpath.errors import InvalidInput, NotFound
from goldenpath.project.spec import Contract, PythonModel, Reason, ReasonPolicy, ValueRange
from goldenpath.serve.protocol import grpc_messages
from goldenpath.serve.protocol.calls import Calls
from goldenpath.serve.protocol.model_repository import (
    FLOAT_TYPE,
    INDEX,
    configuration,
    wants_ready_only,
    why_absent,
)
from tests.serve.running import CONTRACT, IDENTITY, question, run, running

CLASSES = replace(CONTRACT, decision=None, task="classes", classes=("a", "b", "c"))
VALUE = replace(CONTRACT, decision=None, task="value", value=ValueRange("EUR", 0.0, 9.0))
REASONS = replace(CONTRACT, reasons=ReasonPolicy((Reason("R1", "old"), Reason("R2", "new"))))
ALONE = {"data_type": "TYPE_FP32", "dims": [1], "reshape": {"shape": []}}


def test_the_index_lists_the_one_model_by_post(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as server:
            bodies: list[object] = [b"", {}, {"ready": True}, {"ready": False, "other": 1}]
            for body in bodies:
                answer = await server.ask(INDEX, body)
                assert msgspec.json.decode(answer.body) == [
                    {"name": "credit", "version": IDENTITY.digest, "state": "READY", "reason": ""}
                ]
            assert (await server.ask(INDEX)).status == 405
            wrong: list[object] = [[], {"ready": 1}, b"{"]
            for body in wrong:
                assert (await server.ask(INDEX, body)).status == 400
            assert (
                await server.ask("/v2/models/credit/infer", question([1, 20, 1, 0]))
            ).status == 200

    run(main)


def test_a_draining_server_is_listed_as_unavailable_or_not_at_all(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as server:
            server.server.withdraw()
            (listed,) = msgspec.json.decode((await server.ask(INDEX, {})).body)
            assert listed["state"] == "UNAVAILABLE"
            assert listed["reason"]
            assert msgspec.json.decode((await server.ask(INDEX, {"ready": True})).body) == []

    run(main)


def test_the_configuration_is_a_page_of_the_model_and_of_its_versions(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as server:
            for base in ("credit", f"credit/versions/{IDENTITY.digest}"):
                said = (await server.ask(f"/v2/models/{base}/config")).json()
                assert said["name"] == "credit"
                assert said["input"] == [
                    {"name": "features", "data_type": "TYPE_FP32", "dims": [4]}
                ]
            assert (await server.ask("/v2/models/other/config")).status == 404

    run(main)


@pytest.mark.parametrize(
    ("contract", "outputs"),
    [
        (CONTRACT, [{"name": "probability", **ALONE}]),
        (VALUE, [{"name": "probability", **ALONE}]),
        (CLASSES, [{"name": "probability", "data_type": "TYPE_FP32", "dims": [3]}]),
        (
            REASONS,
            [
                {"name": "probability", **ALONE},
                {"name": "reasons", "data_type": "TYPE_FP32", "dims": [2]},
            ],
        ),
    ],
    ids=["probability", "value", "classes", "reasons"],
)
def test_each_task_is_configured(contract: Contract, outputs: object) -> None:
    assert configuration(IDENTITY, contract)["output"] == outputs
    assert configuration(IDENTITY, contract)["backend"] == "onnxruntime"
    code = replace(contract, python=PythonModel("a.b:load"))
    assert configuration(IDENTITY, code)["backend"] == "python"
    # The same over gRPC: it can be rendered, with the numbers of data types.
    message = Calls(IDENTITY, contract).answer("ModelConfig", b"\x0a\x06credit", is_ready=True)
    assert b"credit" in message
    assert FLOAT_TYPE.to_bytes(1, "big") in message


def test_the_index_comes_over_grpc_too() -> None:
    calls = Calls(IDENTITY, CONTRACT)
    ready = grpc_messages.render("RepositoryIndexRequest", {"ready": True})

    listed = calls.answer("RepositoryIndex", b"", is_ready=False)

    assert b"UNAVAILABLE" in listed
    assert calls.answer("RepositoryIndex", ready, is_ready=False) == b""
    assert b"READY" in calls.answer("RepositoryIndex", ready, is_ready=True)


@pytest.mark.parametrize(
    ("target", "word"),
    [
        ("/v2/models/credit/stats", "/metrics"),
        ("/v2/models/credit/versions/1/stats", "/metrics"),
        ("/v2/models/stats", "/metrics"),
        ("/v2/repository/models/credit/load", "git"),
        ("/v2/repository/models/credit/unload", "git"),
        ("/v2/systemsharedmemory/status", "shared memory"),
        ("/v2/cudasharedmemory/region/a/register", "shared memory"),
        ("/v2/trace/setting", "trace"),
        ("/v2/logging", "log"),
    ],
)
def test_what_is_not_offered_is_refused_with_the_reason(
    tmp_path: Path, target: str, word: str
) -> None:
    async def main() -> None:
        async with running(tmp_path, spooling=False) as server:
            answer = await server.ask(target, {})
            assert answer.status == 404
            assert word in answer.error

    run(main)


def test_other_targets_have_no_reason_and_statistics_none_over_grpc() -> None:
    for target in ("/v2/models/credit", "/v2/models/stats2", "/stats", "/v2/tracer"):
        assert why_absent(target) == ""
    with pytest.raises(NotFound, match="/metrics"):
        Calls(IDENTITY, CONTRACT).answer("ModelStatistics", b"", is_ready=True)


def test_deep_bodies_are_refused() -> None:
    with pytest.raises(InvalidInput):
        wants_ready_only(b"[" * 100_000)
