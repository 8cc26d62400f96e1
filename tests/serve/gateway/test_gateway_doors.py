"""The doors of the gateway and of its gRPC listener, for each holder of a token.

Both are in front of a model server that asks for tokens; all three are real, in one process.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import grpc
import pytest

from goldenpath.http.client import HttpClient, ServerAddress
from goldenpath.processes.launch import Route, Routes, RouteSlot
from goldenpath.promote.acts.rights import ASK, GATEWAY, GRPC, LISTENERS, METADATA
from goldenpath.serve.gateway.caller_naming import Naming
from goldenpath.serve.gateway.dispatch import Dispatcher
from goldenpath.serve.gateway.proxy import Proxy
from goldenpath.serve.grpc.grpc_forward import forward
from goldenpath.serve.grpc.grpc_listener import GrpcListener
from goldenpath.serve.protocol import grpc_messages, inference_service
from tests.serve.running import IDENTITY, Client, request, running
from tests.serve.server.test_doors import PATHS, STRANGERS, TOKENS, opens, rules
from tests.sizes import FULL

CALLED = {
    "ModelInfer": ASK,
    "ModelMetadata": METADATA,
    "ModelReady": METADATA,
    "ModelConfig": METADATA,
    "ModelStatistics": METADATA,
    "RepositoryIndex": METADATA,
    "ServerMetadata": METADATA,
    "ServerLive": "health",
    "ServerReady": "health",
}
REFUSED = {"UNAUTHENTICATED", "PERMISSION_DENIED"}
FORMS = ("/prod/credit{}", "http://x.example/prod/credit{}", "/pr%6fd/credit{}")
"""One model as clients may address it; the host name of a request is the fourth way."""


@dataclass(frozen=True)
class Fronts:
    """The listeners before one model server."""

    gateway: Path
    channel: grpc.aio.Channel

    async def status(self, method: str, target: str, host: str, authorization: str | None) -> int:
        client = Client(*await asyncio.open_unix_connection(str(self.gateway)))
        headers = {"content_type": "application/json"}
        headers |= {} if authorization is None else {"authorization": authorization}
        sent = request(method, target, b"{}" if method == "POST" else b"", headers)
        try:
            await client.send(sent.replace(b"host: test", b"host: " + host.encode()))
            return (await client.receive()).status
        finally:
            client.close()

    async def code(self, name: str, stage: str, *authorizations: str) -> str:
        """The code of one gRPC call, `OK` if it was answered."""
        body = b""
        if name.startswith("Model") and name != "ModelInfer":
            body = grpc_messages.render("ModelReadyRequest", {"name": "credit"})
        if name == "ModelInfer":
            body = grpc_messages.render("ModelInferRequest", {"model_name": "credit"})
        pairs = [("x-goldenpath-stage", stage), *(("authorization", a) for a in authorizations)]
        try:
            await self.channel.unary_unary(inference_service.PREFIX + name)(
                body, metadata=pairs, timeout=20
            )
        except grpc.aio.AioRpcError as error:
            return str(error.code().name)
        return "OK"


@asynccontextmanager
async def fronts(folder: Path) -> AsyncIterator[Fronts]:
    access = rules()
    async with running(folder, access=access, spooling=False) as here:
        loop = asyncio.get_running_loop()
        dispatcher = Dispatcher(loop, timeout=20, held=10, seed=1, report=lambda _: None)
        slot = RouteSlot(IDENTITY.slot, IDENTITY.digest, 100, (f"unix:{here.path}",))
        dispatcher.apply(Routes(1, (Route("prod", "credit", (slot,)),)))
        gateway, inner, calls = (folder / name for name in ("gateway", "inner", "calls"))
        listeners = [
            (Proxy(dispatcher, Naming("")).listener(), gateway),
            (Proxy(dispatcher, Naming("", is_inner=True)).listener(), inner),
        ]
        for listener, path in listeners:
            await listener.open(f"unix:{path}")
        behind = HttpClient(ServerAddress(f"unix:{inner}"), 20)
        before = GrpcListener(forward(behind, "", lambda: access), largest=1 << 20)
        await before.open(f"unix:{calls}")
        async with grpc.aio.insecure_channel(f"unix:{calls}") as channel:
            yield Fronts(gateway, channel)
        await before.close(0)
        behind.close()
        for listener, _ in listeners:
            await listener.drain(linger=0.0, limit=0.0)


def strangers() -> Iterator[tuple[str, str | None]]:
    for who, text in STRANGERS.items():
        yield who, f"Bearer {sha256(b'all').hexdigest()}" if who == "the hash" else text


def ways(path: str) -> Iterator[tuple[str, str]]:
    """Target and host of one request; the small size has the first and the last."""
    forms = FORMS if FULL else FORMS[:1]
    yield from ((form.format(path), "x.example") for form in forms)
    yield path, "credit.prod.localhost"


async def walk_gateway(folder: Path) -> None:
    async with fronts(folder) as here:
        for door, paths in PATHS.items():
            for path in paths:
                for target, host in ways(path):
                    for method in ("GET", "POST"):
                        await at_gateway(here, door, method, target, host)


async def at_gateway(here: Fronts, door: str, method: str, target: str, host: str) -> None:
    told = f"{method} {target} at {host}"
    for who, authorization in strangers():
        got = await here.status(method, target, host, authorization)
        assert (got == 401) is (door != "health"), f"{who}: {told} gave {got}"
    for name in TOKENS:
        got = await here.status(method, target, host, f"Bearer {name}")
        is_open = door == "health" or opens(name, door)
        assert (got not in (401, 403)) is is_open, f"{name}: {told} gave {got}"


def test_each_door_of_the_gateway_opens_by_scope_and_model_and_to_nobody_else(
    tmp_path: Path,
) -> None:
    asyncio.run(walk_gateway(tmp_path))


async def walk_elsewhere(folder: Path) -> None:
    async with fronts(folder) as here:
        for name in ("all", "nothing", None):
            authorization = None if name is None else f"Bearer {name}"
            for target in ("/", "/v2", "/metrics", "/dev/credit/v2", "/prod/other/v2", "/prod"):
                for method in ("GET", "POST", "DELETE"):
                    got = await here.status(method, target, "x.example", authorization)
                    assert got == 404, f"{name}: {method} {target} gave {got}"
            assert await here.status("GET", "/healthz", "x.example", authorization) == 200


def test_the_gateway_itself_answers_health_and_nothing_else(tmp_path: Path) -> None:
    asyncio.run(walk_elsewhere(tmp_path))


async def walk_calls(folder: Path) -> None:
    async with fronts(folder) as here:
        for call, door in CALLED.items():
            for who, authorization in strangers():
                given = () if authorization is None else (authorization,)
                code = await here.code(call, "prod", *given)
                assert (code == "UNAUTHENTICATED") is (door != "health"), f"{who}: {call}: {code}"
            for name in TOKENS:
                code = await here.code(call, "prod", f"Bearer {name}")
                is_open = door == "health" or opens(name, door)
                if call in ("ServerMetadata", "RepositoryIndex"):  # about no model
                    is_open = is_open and TOKENS[name][1] is None
                assert (code not in REFUSED) is is_open, f"{name}: {call} gave {code}"
            twice = await here.code(call, "prod", "Bearer nothing", "Bearer all")
            assert twice == "INVALID_ARGUMENT", "two readers could choose another one"
        for name in ("all", "nothing"):
            for stage in ("dev", "", "../prod", "prod/credit", "PROD"):
                code = await here.code("ModelInfer", stage, f"Bearer {name}")
                assert code in ("NOT_FOUND", "INVALID_ARGUMENT"), f"{name} at {stage}: {code}"
        assert await here.code("NoSuchCall", "prod", "Bearer all") == "UNIMPLEMENTED"


def test_each_call_over_grpc_opens_by_scope_and_model_and_to_nobody_else(tmp_path: Path) -> None:
    asyncio.run(walk_calls(tmp_path))


def test_the_doors_are_all_that_the_model_of_rights_has() -> None:
    assert {*LISTENERS[GATEWAY], "health"} == PATHS.keys()
    assert CALLED.keys() == set(inference_service.CALLS)
    assert {*LISTENERS[GRPC], "health"} == set(CALLED.values())


@pytest.mark.parametrize("name", ["all", "asks", "nothing"])
def test_without_rules_every_call_is_open(tmp_path: Path, name: str) -> None:
    """As on one machine, where only this machine reaches the listener."""

    async def metadata() -> None:
        client = HttpClient(ServerAddress(f"unix:{tmp_path / 'nobody'}"), 1)
        listener = GrpcListener(forward(client), largest=1024)
        await listener.open(f"unix:{tmp_path / 'calls'}")
        async with grpc.aio.insecure_channel(f"unix:{tmp_path / 'calls'}") as channel:
            here = Fronts(tmp_path, channel)
            assert await here.code("ServerMetadata", "prod", f"Bearer {name}") == "OK"
        await listener.close(0)

    asyncio.run(metadata())
