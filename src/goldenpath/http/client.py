"""A small HTTP client: sends many requests at a time to one server over kept connections."""

import asyncio
import ssl
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from goldenpath.errors import Unavailable
from goldenpath.http.messages.answer import Answer
from goldenpath.http.tls import certificate_fault
from goldenpath.http.upstream import UpstreamConnection, UpstreamPool

MAX_ANSWER = 64 * 1024 * 1024
TIMEOUT = 60.0
KEPT_SECONDS = 60.0
"""Seconds for which an idle connection is reused; our servers close it after 75."""

Fields = Sequence[tuple[bytes, bytes]]
Call = tuple[Sequence[tuple[str, str]], bytes]
"""Headers and body of one request."""


class _Waiting:
    """A request with a caller that awaits its answer; see `http.upstream.Requester`."""

    missing = 0

    def __init__(self, method: bytes, message: bytes) -> None:
        self.method = method
        self.upstream: UpstreamConnection | None = None
        self.future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._message = message
        self._large: Answer | None = None
        self._pieces = bytearray()

    def message(self) -> bytes:
        return self._message

    def flows(self) -> None:
        """Nothing is missing."""

    def pause_request(self, is_full: bool) -> None:
        """It was sent whole."""

    def answered(self, answer: Answer) -> None:
        if not self.future.done():
            self.future.set_result(answer)

    def begins(self, answer: Answer) -> None:
        self._large = answer

    def goes_on(self, piece: bytes) -> None:
        self._pieces += piece
        if len(self._pieces) > MAX_ANSWER:
            self.fail("the answer is too large")

    def ended(self) -> None:
        if self._large is not None:
            self._large.wire += self._pieces
            self.answered(self._large)

    def broke(self, reason: str, sent: bool) -> None:
        if not self.future.done():
            self.future.set_exception(Unavailable(reason))

    def fail(self, reason: str) -> None:
        """Cancel the request."""
        if self.upstream is not None:
            self.upstream.cut()
        self.broke(reason, sent=True)


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """The address of a server, and the TLS settings and token it needs."""

    address: str
    """`unix:PATH` or `HOST:PORT`."""
    tls: ssl.SSLContext | None = None
    token: str = ""
    cure: str = "start it with goldenpath up"
    """What helps if nothing answers there."""


class HttpClient:
    """A client of one server; it reports a broken request and never sends it again."""

    def __init__(self, server: ServerAddress, seconds: float = TIMEOUT) -> None:
        """`seconds` is how long an answer may take."""
        host, _, port = server.address.rpartition(":")
        self._host = b"localhost" if host == "unix" else f"{host}:{port}".encode()
        self._token = server.token.encode()
        self._seconds = seconds
        loop = asyncio.get_running_loop()
        self._pool = UpstreamPool(server.address, loop, tls=server.tls, kept=KEPT_SECONDS)

    async def request(
        self, method: str, target: str, fields: Fields = (), body: bytes = b""
    ) -> Answer:
        """Return the answer. Raises `Unavailable` without one, `TimeoutError` if it is late."""
        lines = [f"{method} {target} HTTP/1.1".encode("ascii"), b"host: " + self._host]
        lines += [b"content-length: %d" % len(body)] if body or method != "GET" else []
        lines += [b"authorization: Bearer " + self._token] if self._token else []
        lines += [b"%b: %b" % pair for pair in fields]
        message = b"\r\n".join([*lines, b"", body])
        waiting = _Waiting(method.encode("ascii"), message)
        self._pool.send(waiting)
        try:
            async with asyncio.timeout(self._seconds):
                return await waiting.future
        finally:
            if not waiting.future.done() or waiting.future.cancelled():
                waiting.fail("nobody waits any more")

    def close(self) -> None:
        """Close idle connections."""
        self._pool.retire()


@dataclass(frozen=True, slots=True)
class TimedReply:
    """The answer to one request, or status 0 and the reason why there is none."""

    number: int
    """Position of the request in the sequence."""
    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float


def post_all(
    server: ServerAddress | str, path: str, calls: Iterable[Call], concurrency: int
) -> list[TimedReply]:
    """Post every call to one path of a server and return the replies in the order of the calls.

    An address alone means neither TLS nor token. Raises `Unavailable` if nobody listens there, and
    `VerificationError` if the certificate there is not trusted.
    """
    import uvloop

    server = ServerAddress(server) if isinstance(server, str) else server
    return uvloop.run(_post_all(server, path, calls, concurrency))


async def _post_all(
    server: ServerAddress, path: str, calls: Iterable[Call], concurrency: int
) -> list[TimedReply]:
    await _check_that_somebody_listens(server)
    waiting = enumerate(calls)
    replies: list[TimedReply] = []
    client = HttpClient(server)
    async with asyncio.TaskGroup() as group:
        for _ in range(concurrency):
            group.create_task(_work(client, path, waiting, replies))
    client.close()
    return sorted(replies, key=lambda reply: reply.number)


async def _check_that_somebody_listens(server: ServerAddress) -> None:
    host, _, port = server.address.rpartition(":")
    try:
        _, writer = await asyncio.open_connection(host, int(port), ssl=server.tls)
    except OSError as error:
        if (fault := certificate_fault(server.address, error)) is not None:
            raise fault from error
        if isinstance(error, ssl.SSLError):
            raise Unavailable(
                f"the TLS handshake with {server.address} failed: {error.reason or error}",
                hint="it has other TLS settings: check http or https, and what certificate it asks "
                "callers for",
            ) from error
        raise Unavailable(
            f"nothing answers at {server.address}: {error}", hint=server.cure
        ) from error
    writer.close()


async def _work(
    client: HttpClient,
    path: str,
    waiting: Iterator[tuple[int, Call]],
    replies: list[TimedReply],
) -> None:
    for number, (headers, body) in waiting:
        began = time.perf_counter()
        fields = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        try:
            answer = await client.request("POST", path, fields, body)
            status, got, content = answer.status, answer.fields, answer.body
        except (Unavailable, TimeoutError) as error:
            status, got, content = 0, {}, f"{type(error).__name__}: {error}".encode()
        replies.append(TimedReply(number, status, got, content, time.perf_counter() - began))
