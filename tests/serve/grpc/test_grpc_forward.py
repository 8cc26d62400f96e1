"""gRPC before the gateway: three real processes, one call through all of them."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import grpc
import msgspec
import pytest

from goldenpath.processes.launch import GatewayLaunch, GrpcLaunch, Route, Routes, RouteSlot
from goldenpath.serve.protocol import grpc_messages, inference_service
from tests.serve.process import packed, started
from tests.serve.running import ROW, expected, records

TRACE = f"00-{'1' * 32}-{'2' * 16}-01"


@dataclass(frozen=True, slots=True)
class _Road:
    """Where calls are taken, and what is behind it."""

    channel: grpc.Channel
    digest: str
    spool: Path
    server: str

    def ask(self, name: str, body: bytes, **metadata: str) -> tuple[bytes, dict[str, str]]:
        call = self.channel.unary_unary(inference_service.PREFIX + name)
        pairs = [(f"x-goldenpath-{key}", value) for key, value in metadata.items()]
        answer, done = call.with_call(body, metadata=[*pairs, ("traceparent", TRACE)], timeout=20)
        return bytes(answer), dict(done.trailing_metadata())

    def refused(self, name: str, body: bytes, **metadata: str) -> tuple[str, str]:
        with pytest.raises(grpc.RpcError) as error:
            self.ask(name, body, **metadata)
        return error.value.code().name, error.value.details()


@contextmanager
def child(module: str, *lines: object) -> Iterator[str]:
    """A process that was told these lines and has said where it listens."""
    with subprocess.Popen(
        [sys.executable, "-m", module], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
        child.stdin.flush()
        events = [json.loads(child.stdout.readline()) for _ in lines]
        yield next(event["address"] for event in events if event["event"] == "ready")
        child.stdin.close()
        child.stdout.read()
        assert child.wait(20) == 0


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Road]:
    folder = tmp_path_factory.mktemp("road")
    release = packed(folder)
    digest = release.image.digest.text
    with ExitStack() as stack:
        server = stack.enter_context(started(replace(release.launch(), listen="127.0.0.1:0")))
        slot = RouteSlot("stable", digest, 100, (server.address,))
        routes = Routes(1, (Route("prod", "credit", (slot,)),))
        gateway = stack.enter_context(
            child("goldenpath.serve.gateway", GatewayLaunch("127.0.0.1:0"), routes)
        )
        address = stack.enter_context(
            child("goldenpath.serve.grpc", GrpcLaunch("127.0.0.1:0", gateway))
        )
        channel = stack.enter_context(grpc.insecure_channel(address))
        yield _Road(channel, digest, folder / "spool", server.address)


def _request(*row: float, **fields: object) -> bytes:
    tensor = {
        "name": "features",
        "datatype": "FP32",
        "shape": [1, 4],
        "contents": {"fp32_contents": row},
    }
    return grpc_messages.render(
        "ModelInferRequest", {"model_name": "credit", "inputs": [tensor], **fields}
    )


def test_a_call_goes_through_the_gateway_and_stands_in_the_log(road: _Road) -> None:
    body, trailers = road.ask("ModelInfer", _request(*ROW, id="mine"), stage="prod")

    answer = grpc_messages.parse_answer(body)
    assert answer.outputs[0].contents.fp32_contents == pytest.approx(expected([ROW]))
    assert (answer.id, trailers["x-goldenpath-release"]) == ("mine", road.digest)
    (record,) = [found for found in records(road.spool) if found.status == 200]
    assert record.prediction_id == trailers["x-goldenpath-prediction-id"]
    assert (record.traceparent, record.endpoint) == (TRACE, "call")


def test_what_a_server_refuses_and_what_nobody_serves_is_told(road: _Road) -> None:
    code, message = road.refused("ModelInfer", _request(1.0, 200.0, 0.0, 0.0), stage="prod")
    assert code == "INVALID_ARGUMENT" and "column age" in message
    assert road.refused("ModelInfer", _request(*ROW), stage="test")[0] == "NOT_FOUND"
    code, message = road.refused("ModelInfer", _request(*ROW))
    assert code == "INVALID_ARGUMENT" and "x-goldenpath-stage" in message
    strange = _request(*ROW, model_name="../x")
    assert road.refused("ModelInfer", strange, stage="prod")[0] == "INVALID_ARGUMENT"
    assert road.refused("ModelInfer", b"\xff", stage="prod")[0] == "INVALID_ARGUMENT"


def test_health_and_metadata_are_answered(road: _Road) -> None:
    named = grpc_messages.render("ModelMetadataRequest", {"name": "credit"})

    assert road.ask("ServerLive", b"")[0] == grpc_messages.render(
        "ServerLiveResponse", {"live": True}
    )
    assert b"goldenpath" in road.ask("ServerMetadata", b"")[0]
    assert b"features" in road.ask("ModelMetadata", named, stage="prod")[0]
    ready = grpc_messages.render("ModelReadyResponse", {"ready": True})
    assert road.ask("ModelReady", named, stage="prod")[0] == ready


def test_a_gateway_that_is_away_is_unavailable() -> None:
    with (
        child("goldenpath.serve.grpc", GrpcLaunch("127.0.0.1:0", "127.0.0.1:9")) as address,
        grpc.insecure_channel(address) as channel,
    ):
        road = _Road(channel, "", Path(), "")
        assert road.refused("ModelInfer", _request(*ROW), stage="prod")[0] == "UNAVAILABLE"
        live = road.ask("ServerLive", b"")[0]
        assert live == grpc_messages.render("ServerLiveResponse", {"live": False})


@pytest.mark.parametrize("takes_over", [True, False])
def test_without_a_stable_server_a_canary_gets_more_calls_than_its_share_only_by_policy(
    road: _Road, takes_over: bool
) -> None:
    slots = (
        RouteSlot("stable", "sha256:" + "a" * 64, 99, ("127.0.0.1:9",)),
        RouteSlot("canary", road.digest, 1, (road.server,)),
    )
    routes = Routes(1, (Route("prod", "credit", slots, canary_takes_over=takes_over),))
    codes = Counter[str]()
    with (
        child("goldenpath.serve.gateway", GatewayLaunch("127.0.0.1:0"), routes) as gateway,
        child("goldenpath.serve.grpc", GrpcLaunch("127.0.0.1:0", gateway)) as address,
        grpc.insecure_channel(address) as channel,
    ):
        call = channel.unary_unary(f"{inference_service.PREFIX}ModelInfer")
        for _ in range(100):
            try:
                call(_request(*ROW), metadata=[("x-goldenpath-stage", "prod")], timeout=20)
                codes["answered"] += 1
            except grpc.RpcError as error:
                codes[f"{error.code().name}: {error.details()}"] += 1

    if takes_over:
        # The call that finds the stable server dead is not sent twice, unless that is harmless.
        assert codes["answered"] >= 99
    else:
        assert 1 <= codes["answered"] <= 2, codes
        assert codes["UNAVAILABLE: the stable release cannot answer"] >= 97, codes
