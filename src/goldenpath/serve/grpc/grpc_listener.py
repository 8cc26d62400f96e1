"""A gRPC listener that passes calls on unchanged and is independent of models.

gRPC's own library does HTTP/2, flow control and TLS. It costs 20 MiB and 0.1 s, so only a process
with a gRPC listener loads it. A call is one request to `ask`, whose answer has the status and
headers of HTTP. So the gRPC and the HTTP listener share one set of rules.
"""

import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import grpc
import msgspec

from goldenpath.errors import InvalidInput, Unavailable
from goldenpath.serve.protocol.inference_service import CALLS, SERVICE

MOST_CALLS = 64
"""Concurrent calls. With the largest message this bounds memory; others are told to retry."""
LARGEST_HEAD = 16 * 1024
_SECOND = 1000
_OPTIONS = (
    ("grpc.max_metadata_size", LARGEST_HEAD),
    ("grpc.absolute_max_metadata_size", LARGEST_HEAD),
    ("grpc.max_connection_idle_ms", 300 * _SECOND),
    ("grpc.max_connection_age_grace_ms", 30 * _SECOND),
    # Keepalive detects a client that vanished without closing its connection.
    ("grpc.keepalive_time_ms", 60 * _SECOND),
    ("grpc.keepalive_timeout_ms", 20 * _SECOND),
)
_CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    405: grpc.StatusCode.UNIMPLEMENTED,
    413: grpc.StatusCode.RESOURCE_EXHAUSTED,
    415: grpc.StatusCode.INVALID_ARGUMENT,
    422: grpc.StatusCode.INVALID_ARGUMENT,
    502: grpc.StatusCode.UNAVAILABLE,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}


@dataclass(frozen=True, slots=True)
class Call:
    """One call as received."""

    name: str
    """One of `CALLS`."""
    message: bytes
    headers: Mapping[bytes, bytes]
    """The text metadata."""
    peer: str
    """Name in the client's certificate; empty if it presented none."""


@dataclass(frozen=True, slots=True)
class CallReply:
    """An answer: a message, or an error of the protocol if the status is not 200."""

    status: int
    headers: Mapping[str, str]
    """Headers that become trailing metadata."""
    body: bytes


Ask = Callable[[Call], Awaitable[CallReply]]


class _Context(Protocol):
    """The context that gRPC gives for a call."""

    def invocation_metadata(self) -> tuple[tuple[str, str | bytes], ...] | None: ...

    def auth_context(self) -> Mapping[str, list[bytes]]: ...

    def set_trailing_metadata(self, metadata: tuple[tuple[str, str], ...]) -> None: ...

    async def abort(self, code: object, details: str) -> None: ...


class GrpcListener:
    """A listener on the running event loop."""

    def __init__(
        self,
        ask: Ask,
        *,
        largest: int,
        calls: int = MOST_CALLS,
        shares_port: bool = False,
        age: float = 3600.0,
    ) -> None:
        """`largest` is the longest message in bytes, `calls` how many may be open.

        One that `shares_port` lets the listener that takes over from it open the same port. After
        `age` seconds a client is asked to connect again, and loses no call by that.
        """
        sizes = (
            ("grpc.max_receive_message_length", largest),
            ("grpc.max_connection_age_ms", int(age * _SECOND)),
            ("grpc.so_reuseport", int(shares_port)),
        )
        self._server = grpc.aio.server(options=_OPTIONS + sizes, maximum_concurrent_rpcs=calls)
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(partial(_answer, ask, name)) for name in CALLS
        }
        handler = grpc.method_handlers_generic_handler(SERVICE, handlers)
        self._server.add_generic_rpc_handlers((handler,))

    async def open(self, address: str, credentials: object = None) -> str:
        """Start to accept calls on `unix:PATH` or `127.0.0.1:PORT`, and return the address.

        Raises `Unavailable` if the address is taken.
        """
        mask = os.umask(0o177)  # a socket file is for this user only
        try:
            if credentials is None:
                port = self._server.add_insecure_port(address)
            else:
                port = self._server.add_secure_port(address, credentials)
        except RuntimeError as error:
            raise Unavailable(f"cannot listen for gRPC on {address}: {error}") from error
        finally:
            os.umask(mask)
        await self._server.start()
        return address if address.startswith("unix:") else f"{address.rpartition(':')[0]}:{port}"

    async def close(self, seconds: float) -> None:
        """Accept no more calls and wait for the open ones."""
        await self._server.stop(seconds)


async def _answer(ask: Ask, name: str, message: bytes, context: _Context) -> bytes:
    try:
        headers = _headers(context.invocation_metadata() or ())
    except InvalidInput as error:
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, error.message)
        raise
    reply = await ask(Call(name, message, headers, _peer(context.auth_context())))
    context.set_trailing_metadata(tuple(reply.headers.items()))
    if reply.status != 200:
        code = _CODES.get(reply.status, grpc.StatusCode.INTERNAL)
        await context.abort(code, _error(reply.body))
    return reply.body


def _headers(metadata: tuple[tuple[str, str | bytes], ...]) -> Mapping[bytes, bytes]:
    """Raises `InvalidInput` for a repeated name: two readers could choose different values."""
    fields: dict[bytes, bytes] = {}
    for name, value in metadata:
        if isinstance(value, str):
            key = name.encode("ascii")
            if key in fields:
                raise InvalidInput(f"the metadata {name[:80]} is given twice")
            fields[key] = value.encode("latin-1")
    return fields


def _peer(authenticated: Mapping[str, list[bytes]]) -> str:
    """As `peer_name` of `goldenpath.http.tls`."""
    kinds = ("x509_common_name", "peer_uri", "peer_dns")
    names = [name for kind in kinds for name in authenticated.get(kind, []) if name]
    return names[0].decode("utf-8", "replace")[:256] if names else ""


def _error(body: bytes) -> str:
    try:
        error = msgspec.json.decode(body, type=dict[str, str])
    except ValueError:
        return "the server failed"
    return error.get("error", "")
