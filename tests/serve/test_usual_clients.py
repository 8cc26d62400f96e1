"""What ordinary HTTP clients send, and what a server makes of it."""

import gzip
import json
import zlib
from pathlib import Path

import pytest
from backports import zstd

from goldenpath.http.limits import Limits
from tests.serve.running import (
    INFER,
    ROW,
    Client,
    Running,
    question,
    records,
    request,
    run,
    running,
)

BODY = json.dumps(question(ROW)).encode()
OFFER = {"connection": "Upgrade, HTTP2-Settings", "upgrade": "h2c", "http2-settings": "AAMAAABk"}


async def _sent(server: Running, content: bytes) -> Client:
    client = await server.connect()
    await client.send(content)
    return client


async def _head(client: Client) -> tuple[int, dict[str, str]]:
    """An answer that has no body."""
    first, *lines = (await client.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[:-2]
    return int(first.split()[1]), dict(line.split(": ", 1) for line in lines)


def test_an_offer_to_upgrade_is_ignored(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as server:
            client = await _sent(server, request("POST", INFER, BODY, OFFER) * 2)
            for _ in range(2):
                assert (await client.receive()).status == 200
            await client.send(request("GET", "/v2", headers={"upgrade": "websocket"}))
            assert (await client.receive()).status == 200
            client.close()

    run(main)


@pytest.mark.parametrize(
    ("target", "status"), [("/v2", 200), ("/v2/health/ready", 200), ("/no", 404), (INFER, 405)]
)
def test_head_is_answered_without_a_body(tmp_path: Path, target: str, status: int) -> None:
    async def main() -> None:
        async with running(tmp_path) as server:
            client = await _sent(server, request("HEAD", target) + request("GET", target))
            code, fields = await _head(client)
            answer = await client.receive()
            assert code == status
            if status != 405:
                assert (answer.status, answer.headers) == (code, fields)
                assert int(fields["content-length"]) == len(answer.body) > 0
            client.close()

    run(main)


@pytest.mark.parametrize(
    "target",
    [
        f"{INFER}?a=b%20c",
        "/v2/models/cr%65dit/infer",
        "/%76%32/models/credit/infer?x",
        f"http://other:80{INFER}?x=1",
        f"https://other{INFER}",
    ],
)
def test_queries_encoded_segments_and_absolute_targets_are_taken(
    tmp_path: Path, target: str
) -> None:
    async def main() -> None:
        async with running(tmp_path) as server:
            assert (await server.ask(target, BODY)).status == 200
            assert (await server.ask("/v2/health/live?now")).status == 200

    run(main)


@pytest.mark.parametrize(
    "target", ["/v2/models/cr%2565dit/infer", "/v2/models%2Fcredit/infer", "/v2/models/%zz/infer"]
)
def test_segments_are_decoded_once_and_never_become_two(tmp_path: Path, target: str) -> None:
    async def main() -> None:
        async with running(tmp_path) as server:
            assert (await server.ask(target, BODY)).status == 404

    run(main)


def test_an_encoded_path_is_recorded_like_the_plain_one(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as server:
            answer = await server.ask("/v1/models/cr%65dit/predict", b'{"rows": []}')
            assert answer.status != 404

    run(main)
    assert [record.endpoint for record in records(tmp_path / "spool")] == ["predict"]


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(BODY, mtime=0)),
        ("deflate", zlib.compress(BODY)),
        ("zstd", zstd.compress(BODY)),
        ("identity", BODY),
    ],
)
def test_a_compressed_body_is_answered_like_a_plain_one(
    tmp_path: Path, encoding: str, packed: bytes
) -> None:
    async def main() -> None:
        async with running(tmp_path) as server:
            plain = await server.ask(INFER, BODY)
            answer = await server.ask(INFER, packed, content_encoding=encoding)
            assert answer.status == 200
            assert answer.json()["outputs"] == plain.json()["outputs"]

    run(main)


@pytest.mark.parametrize(
    ("encoding", "body", "status"),
    [
        ("gzip", gzip.compress(b" " * 100_000 + BODY, mtime=0), 413),
        ("zstd", zstd.compress(b" " * 100_000 + BODY), 413),
        ("gzip", gzip.compress(BODY, mtime=0)[:-9], 400),
        ("gzip", BODY, 400),
        ("br", BODY, 415),
        ("gzip, zstd", BODY, 415),
    ],
    ids=["bomb in gzip", "bomb in zstd", "cut off", "not packed", "unknown", "two at once"],
)
def test_a_bomb_and_a_broken_body_are_refused_and_recorded(
    tmp_path: Path, encoding: str, body: bytes, status: int
) -> None:
    async def main() -> None:
        async with running(tmp_path, limits=Limits(body=50_000)) as server:
            assert (await server.ask(INFER, body, content_encoding=encoding)).status == status

    run(main)
    assert [record.status for record in records(tmp_path / "spool")] == [status]
