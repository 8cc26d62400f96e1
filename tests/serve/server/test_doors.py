"""Each door of a model server, for each holder of a token: it opens by its scope and model alone.

The doors are those that the server has, in every spelling. Whatever is not on the list is no door.
"""

import asyncio
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from goldenpath.http.access import Access, AccessFile, Scope, StaticToken
from goldenpath.promote.acts.rights import ASK, LISTENERS, METADATA, METRICS, SERVER
from goldenpath.serve.protocol import inference_service
from tests.serve.running import IDENTITY, INFER, Running, running
from tests.sizes import FULL

CALLS = inference_service.PREFIX
BASES = tuple(
    f"/v2/models/credit{version}"
    for version in ("", f"/versions/{IDENTITY.digest}", f"/versions/{IDENTITY.slot}")
)
PATHS: dict[str, tuple[str, ...]] = {
    ASK: (*(f"{base}/infer" for base in BASES), "/v1/models/credit/predict", f"{CALLS}ModelInfer"),
    METADATA: (
        "/v2", "/v2/", "/v2/models", "/openapi.json", *BASES, *(f"{base}/ready" for base in BASES),
        *(f"{base}/config" for base in BASES), "/v2/repository/index", "/v2/models/credit/stats",
        f"{CALLS}ServerMetadata", f"{CALLS}ModelMetadata", f"{CALLS}ModelReady",
        f"{CALLS}ModelConfig", f"{CALLS}ModelStatistics", f"{CALLS}RepositoryIndex",
        "/v2/logging", "/v2/repository/models/credit/unload",
        f"{CALLS}NoSuchCall", "/", "/v2/models/other", "/v2/models/other/infer", "/admin", "/v1",
    ),
    METRICS: ("/metrics",),
    "health": (
        "/v2/health/live", "/v2/health/ready", f"{CALLS}ServerLive", f"{CALLS}ServerReady",
    ),
}  # fmt: skip
SCOPES: dict[str, Scope] = {ASK: "infer", METADATA: "read", METRICS: "metrics"}
TOKENS: dict[str, tuple[tuple[Scope, ...], tuple[str, ...] | None]] = {
    "asks": (("infer",), None),
    "asks this one": (("infer",), ("credit",)),
    "asks it in this stage": (("infer",), ("prod/credit",)),
    "reads": (("read",), None),
    "reads metrics": (("metrics",), None),
    "all": (("infer", "read", "metrics"), None),
    "all of another": (("infer", "read", "metrics"), ("fraud-*",)),
    "all in another stage": (("infer", "read", "metrics"), ("dev/credit",)),
    "all of a longer name": (("infer", "read", "metrics"), ("credit-*",)),
    "nothing": ((), None),
}
STRANGERS = {
    "no header": None, "empty": "", "another kind": "Basic YTpi", "unknown": "Bearer unknown",
    "no token": "Bearer ", "a key": "Bearer ssh-ed25519 AAAA", "the hash": "hash",
}  # fmt: skip


def rules() -> Access:
    tokens = [
        StaticToken(name, sha256(name.encode()).hexdigest(), frozenset(scopes), models)
        for name, (scopes, models) in TOKENS.items()
    ]
    return Access(AccessFile(1, tokens), {})


def spellings(path: str) -> Iterator[str]:
    """One path as clients may write it; all of them are one door."""
    yield from (path, path[:-1] + f"%{ord(path[-1]):02x}" if path[1:] else path)
    if FULL:
        yield from (f"{path}?a=b", f"http://other.example{path}")


def opens(name: str, door: str) -> bool:
    scopes, models = TOKENS[name]
    names = {"credit", "prod/credit"}
    return SCOPES[door] in scopes and (models is None or bool(names & set(models)))


async def status(here: Running, method: str, path: str, authorization: str | None) -> int:
    headers = {} if authorization is None else {"authorization": authorization}
    body = b"{}" if method == "POST" else None
    answer = await here.ask(path, body, **headers, content_type="application/json")
    return answer.status


async def walk(folder: Path) -> None:
    async with running(folder, access=rules(), spooling=False) as here:
        for door, paths in PATHS.items():
            for path in paths:
                for method in ("GET", "POST"):
                    for spelling in spellings(path):
                        await strangers(here, door, method, spelling)
                    await holders(here, door, method, path)


async def strangers(here: Running, door: str, method: str, path: str) -> None:
    for who, authorization in STRANGERS.items():
        text = authorization
        if who == "the hash":
            text = f"Bearer {sha256(b'all').hexdigest()}"
        got = await status(here, method, path, text)
        assert (got == 401) is (door != "health"), f"{who}: {method} {path} gave {got}"


async def holders(here: Running, door: str, method: str, path: str) -> None:
    for name in TOKENS:
        got = await status(here, method, path, f"Bearer {name}")
        is_open = door == "health" or opens(name, door)
        assert (got not in (401, 403)) is is_open, f"{name}: {method} {path} gave {got}"


def test_each_door_opens_by_scope_and_model_and_to_nobody_else(tmp_path: Path) -> None:
    asyncio.run(walk(tmp_path))


def test_the_doors_are_all_that_the_server_answers_and_all_that_the_model_of_rights_has(
    tmp_path: Path,
) -> None:
    async def known() -> set[str]:
        async with running(tmp_path, spooling=False) as here:
            server = here.server
            return {each.decode() for each in (*server._asks, *server._pages)}

    assert asyncio.run(known()) <= {path for paths in PATHS.values() for path in paths}
    assert {*LISTENERS[SERVER], "health"} == PATHS.keys() and INFER in PATHS[ASK]


@pytest.mark.parametrize("door", SCOPES)
def test_some_token_opens_each_door(door: str) -> None:
    """So that the walk shows something."""
    assert {opens(name, door) for name in TOKENS} == {True, False}
