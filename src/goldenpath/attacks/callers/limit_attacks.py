"""Callers that ask for more memory, connections or time than they are due."""

import gzip
import sys
import zlib
from collections.abc import Callable

from goldenpath.attacks.callers.caller_scene import (
    LIMITS,
    CallerAttack,
    CallerScene,
    request,
    sends,
)

_BOMB = bytes(64 * LIMITS.body)
_CHUNKED = "Transfer-Encoding: chunked"
_CHUNK = b"400\r\n" + b"x" * 1024 + b"\r\n"


def _packed(coding: str, body: bytes) -> bytes:
    return request(f"Content-Encoding: {coding}", f"Content-Length: {len(body)}", body=body)


def _bursts(coding: str, pack: Callable[[bytes], bytes]) -> Callable[[CallerScene], bool]:
    """Return an attempt whose body is small, and large once it is unpacked."""

    def attempt(scene: CallerScene) -> bool:
        scene.client().send(_packed(coding, pack(_BOMB)))
        return any(len(taken.body) > LIMITS.body for taken in scene.taken)

    return attempt


def _zstd(body: bytes) -> bytes:
    # Loaded here, as the server does: most servers never get such a body.
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd

    return zstd.compress(body)


def _endless_head(scene: CallerScene) -> bool:
    """The head never ends: the attack succeeds while the server keeps reading it."""
    wire = scene.client()
    wire.send(b"GET /v2 HTTP/1.1\r\nHost: model\r\nX: ")
    for _ in range(64):
        wire.send(b"a" * 1024)
    return wire.is_open


def _endless_headers(scene: CallerScene) -> bool:
    wire = scene.client()
    wire.send(b"GET /v2 HTTP/1.1\r\nHost: model\r\n" + b"a: b\r\n" * 2 * LIMITS.headers)
    return wire.is_open


def _endless_chunks(scene: CallerScene) -> bool:
    wire = scene.client()
    wire.send(request(_CHUNKED))
    for _ in range(8):
        wire.send(_CHUNK)
    return wire.is_open


def _many_bodies(scene: CallerScene) -> bool:
    """Unfinished bodies fill the memory, each of them small enough."""
    size = LIMITS.bodies // 3 + 512
    wires = [scene.client() for _ in range(3)]
    for wire in wires:
        wire.send(request(f"Content-Length: {size + 100}", body=b""))
        wire.send(b"x" * size)
    return all(wire.is_open for wire in wires)


def _many_answers(scene: CallerScene) -> bool:
    """Bodies whose answers do not come count as well."""
    size = LIMITS.bodies // 3 + 512
    for _ in range(3):
        wire = scene.client()
        wire.send(request(f"Content-Length: {size}", body=b"x"))
        wire.send(b"x" * (size - 1))
    return len(scene.taken) == 3


def _many_connections(scene: CallerScene) -> bool:
    return all(scene.client().is_open for _ in range(LIMITS.connections + 1))


def _asks_beside_many(scene: CallerScene) -> bool:
    """A request on one connection too many."""
    wires = [scene.client() for _ in range(LIMITS.connections + 1)]
    wires[-1].send(request())
    return bool(scene.taken)


def _pipeline(scene: CallerScene) -> bool:
    """Requests in one piece, all of which would wait for the model at once."""
    scene.client().send(request() * 4 * LIMITS.pipelined)
    return len(scene.taken) > LIMITS.pipelined


def _pipeline_in_pieces(scene: CallerScene) -> bool:
    wire = scene.client()
    for _ in range(4 * LIMITS.pipelined):
        wire.send(request())
    return len(scene.taken) > LIMITS.pipelined


def _stays(*pieces: bytes, is_deaf: bool = False) -> Callable[[CallerScene], bool]:
    """Return an attempt that sends something, and holds its connection for an hour."""

    def attempt(scene: CallerScene) -> bool:
        wire = scene.client()
        for piece in pieces:
            wire.send(piece)
        if is_deaf:
            wire.stop_taking()
        wire.wait()
        return wire.is_open

    return attempt


def _drips(*pieces: bytes) -> Callable[[CallerScene], bool]:
    """Return an attempt that sends one more byte just before each look of the server."""

    def attempt(scene: CallerScene) -> bool:
        wire = scene.client()
        for piece in pieces:
            wire.send(piece)
        for _ in range(5):
            wire.send(b"x")
            wire.wait()
        return wire.is_open

    return attempt


_LONG = "a" * 2 * LIMITS.head
_HALF = request("Content-Length: 100", body=b"x")
ATTACKS = (
    CallerAttack("a target is longer than a head may be", "head size", sends(
        request(first=f"GET /{_LONG} HTTP/1.1"))),
    CallerAttack("a header is longer than a head may be", "head size", sends(
        request(f"X-Note: {_LONG}"))),
    CallerAttack("a header never ends", "head size", _endless_head),
    CallerAttack("a request has too many headers", "number of headers", sends(
        request(*("a: b",) * 2 * LIMITS.headers))),
    CallerAttack("headers never end", "number of headers", _endless_headers),
    CallerAttack("a body is longer than it may be", "body size", sends(request(
        f"Content-Length: {2 * LIMITS.body}", body=bytes(2 * LIMITS.body)))),
    CallerAttack("a body in gzip is a bomb", "body size", _bursts("gzip", gzip.compress)),
    CallerAttack("a body in gzip is a bomb of two files", "body size", _bursts(
        "x-gzip", lambda body: gzip.compress(b"x") + gzip.compress(body))),
    CallerAttack("a body in deflate is a bomb", "body size", _bursts("deflate", zlib.compress)),
    CallerAttack("a body in deflate without its head is a bomb", "body size", _bursts(
        "deflate", lambda body: zlib.compress(body, wbits=-zlib.MAX_WBITS))),
    CallerAttack("a body in zstd is a bomb", "body size", _bursts("zstd", _zstd)),
    CallerAttack("a body in chunks is longer than it may be", "size without a length", sends(
        request(_CHUNKED, body=_CHUNK * 5 + b"0\r\n\r\n"))),
    CallerAttack("chunks never end", "size without a length", _endless_chunks),
    CallerAttack("chunks of one byte add up", "size without a length", sends(
        request(_CHUNKED, body=b"1\r\nx\r\n" * (LIMITS.gathered + 1) + b"0\r\n\r\n"))),
    CallerAttack("unfinished bodies fill the memory", "size of all bodies", _many_bodies),
    CallerAttack("unanswered bodies fill the memory", "size of all bodies", _many_answers,
        answers=False),
    CallerAttack("a client opens too many connections", "connections", _many_connections),
    CallerAttack("a client asks on one connection too many", "connections", _asks_beside_many),
    CallerAttack("requests come faster than answers", "unanswered requests", _pipeline,
        answers=False),
    CallerAttack("requests come one by one, faster than answers", "unanswered requests",
        _pipeline_in_pieces, answers=False),
    CallerAttack("a head stops in the middle", "time of the head", _stays(b"GET /v2 HTT")),
    CallerAttack("a head stops before its last line", "time of the head", _stays(
        b"GET /v2 HTTP/1.1\r\nHost: model\r\n")),
    CallerAttack("a head comes a byte at a time", "time of the head", _drips(
        b"GET /v2 HTTP/1.1\r\nHost: model\r\nX: ")),
    CallerAttack("a body stops in the middle", "time of the body", _stays(_HALF)),
    CallerAttack("a body in chunks stops in the middle", "time of the body", _stays(
        request(_CHUNKED, body=b"5\r\nhe"))),
    CallerAttack("a body comes a byte at a time", "time of the body", _drips(_HALF)),
    CallerAttack("a connection is opened and not used", "idle time", _stays()),
    CallerAttack("a connection is kept after its answer", "idle time", _stays(request())),
    CallerAttack("a client never takes its answer", "time to take the answer", _stays(
        request(), is_deaf=True), answers=False),
)  # fmt: skip
