"""Connections to model servers: kept alive, one request at a time each, pooled per address."""

import asyncio
from typing import Protocol, cast

import httptools

from goldenpath.gateway.message import Answer, Headers, Request

MAX_ANSWER = 64 * 1024 * 1024
"""Bytes of the largest answer that is passed on, 64 MiB."""

CONNECT_TIMEOUT = 5.0
FAILURES_TO_OPEN = 3
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 15.0


class Waiting(Protocol):
    """Whoever waits for an answer; hears of the end exactly once."""

    @property
    def request(self) -> Request:
        """What to send."""

    @property
    def extra(self) -> Headers:
        """Headers to add to it."""

    def answered(self, answer: Answer) -> None:
        """The answer is complete."""

    def broke(self, reason: str, sent: bool) -> None:
        """There is none; `sent` says whether a server may have seen the request."""


class Connection(asyncio.Protocol):
    """One connection to one server; it has at most one request in flight."""

    def __init__(self, pool: "Pool") -> None:
        self._pool = pool
        self._waiting: Waiting | None = None
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._clear()

    def _clear(self) -> None:
        self._headers: Headers = []
        self._body: list[bytes] = []
        self._size = 0
        self._status = 0
        self._begun = False
        self._until_close = False
        self._complete = False
        self._keep = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclass of it, so `isinstance` would not do.
        self._transport = cast(asyncio.Transport, transport)

    def send(self, waiting: Waiting) -> None:
        """Sends the request of `waiting`."""
        self._waiting = waiting
        if self._transport is None or self._transport.is_closing():
            self._break("the connection was closed", sent=False)
            return
        self._transport.write(waiting.request.render(waiting.extra))

    def close(self) -> None:
        """Closes the connection."""
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        if self._waiting is None:
            self.close()  # an answer to nothing must never be taken for that to the next request
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._break("the model server's answer is not valid HTTP", sent=True)
            return
        if self._size > MAX_ANSWER:
            self._break("the model server's answer is too large", sent=True)
        elif self._complete:
            self._end(keep=self._keep)

    def on_message_begin(self) -> None:
        if self._complete:
            raise ValueError("a second answer to one request")
        self._clear()
        self._begun = True

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self._status = self._parser.get_status_code()
        names = {name for name, _ in self._headers}
        framed = b"content-length" in names or b"transfer-encoding" in names
        self._until_close = not framed and self._status >= 200 and self._status not in (204, 304)

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size <= MAX_ANSWER:
            self._body.append(body)

    def on_message_complete(self) -> None:
        self._complete = self._status >= 200  # after 1xx the answer is still to come
        # Only now: once the message is over, the parser has forgotten its version.
        self._keep = bool(self._parser.should_keep_alive())

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._waiting is None:
            self._pool.lost(self)
        elif self._until_close and exc is None:
            self._end(keep=False)
        else:
            self._break("the model server closed the connection", sent=True)

    def _end(self, *, keep: bool) -> None:
        waiting, self._waiting = self._waiting, None
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        answer = Answer(self._status, self._headers, body)
        self._clear()
        self._pool.ended(self, keep=keep, failed=False)
        if waiting is not None:
            waiting.answered(answer)

    def _break(self, reason: str, *, sent: bool) -> None:
        waiting, self._waiting = self._waiting, None
        self._pool.ended(self, keep=False, failed=sent)
        if waiting is not None:
            waiting.broke(reason, sent)


class Pool:
    """The connections to one address, with a circuit breaker in front of them."""

    def __init__(self, address: str, loop: asyncio.AbstractEventLoop) -> None:
        self.address = address
        self.in_flight = 0
        self.sent = 0
        self._loop = loop
        self._idle: list[Connection] = []
        self._failures = 0
        self._open_until = 0.0
        self._retired = False
        self._connecting: set[asyncio.Task[None]] = set()

    def is_open(self) -> bool:
        """Whether the circuit is open: the server failed lately and is left alone for a while."""
        return self._failures >= FAILURES_TO_OPEN and self._loop.time() < self._open_until

    def send(self, waiting: Waiting) -> None:
        """Sends over an idle connection, or over a new one."""
        self.in_flight += 1
        self.sent += 1
        if self._idle:
            self._idle.pop().send(waiting)
            return
        task = self._loop.create_task(self._connect(waiting))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    def retire(self) -> None:
        """No route uses the address any more: what is in flight ends, what is idle closes."""
        self._retired = True
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def ended(self, connection: Connection, *, keep: bool, failed: bool) -> None:
        """A request over `connection` has ended; each calls this once."""
        self.in_flight -= 1
        if failed:
            self._count_failure()
        else:
            self._failures = 0
        if keep and not self._retired:
            self._idle.append(connection)
        else:
            connection.close()

    def lost(self, connection: Connection) -> None:
        """The server closed an idle connection."""
        if connection in self._idle:
            self._idle.remove(connection)

    async def _connect(self, waiting: Waiting) -> None:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                connection = await self._open()
        except (OSError, TimeoutError) as error:
            self.in_flight -= 1
            self._count_failure()
            waiting.broke(f"no connection to the model server: {error}", False)
            return
        connection.send(waiting)

    async def _open(self) -> Connection:
        if self.address.startswith("unix:"):
            path = self.address.removeprefix("unix:")
            _, made = await self._loop.create_unix_connection(lambda: Connection(self), path)
            return made
        host, _, port = self.address.rpartition(":")
        _, made = await self._loop.create_connection(lambda: Connection(self), host, int(port))
        return made

    def _count_failure(self) -> None:
        self._failures += 1
        if self._failures >= FAILURES_TO_OPEN:
            doublings = min(self._failures - FAILURES_TO_OPEN, 5)
            pause = min(FIRST_PAUSE * 2**doublings, LONGEST_PAUSE)
            self._open_until = self._loop.time() + pause
