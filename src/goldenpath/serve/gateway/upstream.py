"""Connections to model servers: kept alive, one request at a time each, pooled per address."""

import asyncio
from typing import Protocol, cast

from goldenpath.serve.gateway.fallback_reader import AnswerReader
from goldenpath.serve.gateway.head import MAX_HEAD, Lines
from goldenpath.serve.gateway.message import END, WHOLE, Answer

CONNECT_TIMEOUT = 5.0
FAILURES_TO_OPEN = 3
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 15.0


class Waiting(Protocol):
    """Whoever waits for an answer; hears of the end exactly once."""

    missing: int
    """Bytes of its request that are still to come."""
    connection: "UpstreamConnection | None"
    """Over which it was sent."""

    def message(self) -> bytes:
        """What to send; of a large request the beginning."""

    def flows(self) -> None:
        """What is missing may follow now."""

    def hold_back(self, is_full: bool) -> None:
        """Whether the server takes no more of the request for now."""

    def answered(self, answer: Answer) -> None:
        """The answer is complete."""

    def begins(self, answer: Answer) -> None:
        """A large answer begins with this; the rest follows piece by piece."""

    def goes_on(self, piece: bytes) -> None:
        """A piece of a large answer."""

    def ended(self) -> None:
        """The large answer is complete."""

    def broke(self, reason: str, sent: bool) -> None:
        """There is none; `sent` says whether a server may have seen the request."""


class UpstreamConnection(asyncio.Protocol):
    """One connection to one server; it has at most one request in flight."""

    def __init__(self, pool: "Pool") -> None:
        self._pool = pool
        self._waiting: Waiting | None = None
        self._transport: asyncio.Transport | None = None
        self._clear()

    def _clear(self) -> None:
        self._is_fresh = True
        """Whether nothing of an answer was read yet."""
        self._part = b""
        self._answer: Answer | None = None
        self._pieces: list[bytes] = []
        self._missing = 0
        self._passes = False
        self._odd: AnswerReader | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclass of it, so `isinstance` would not do.
        self._transport = cast(asyncio.Transport, transport)

    def send(self, waiting: Waiting) -> None:
        """Sends the request of `waiting`."""
        self._waiting = waiting
        if self._transport is None or self._transport.is_closing():
            self._break("the connection was closed", sent=False)
            return
        waiting.connection = self
        if waiting.missing:
            waiting.flows()
        self._transport.write(waiting.message())

    def more(self, piece: bytes) -> None:
        """Sends another piece of a large request."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(piece)

    def pause(self, is_full: bool) -> None:
        """Stops and restarts reading a large answer, as the client takes it."""
        if self._transport is None or self._transport.is_closing():
            return
        if is_full:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def close(self) -> None:
        """Closes the connection."""
        if self._transport is not None:
            self._transport.close()

    def cut(self) -> None:
        """Nobody waits any more for the answer that is on its way."""
        if self._waiting is not None:
            self._waiting = None
            self._pool.ended(self, keep=False, failed=False)

    def pause_writing(self) -> None:
        if self._waiting is not None:
            self._waiting.hold_back(True)

    def resume_writing(self) -> None:
        if self._waiting is not None:
            self._waiting.hold_back(False)

    def data_received(self, data: bytes) -> None:
        waiting = self._waiting
        found = self._pool.lines.usual(data) if self._is_fresh else None
        if found is not None and waiting is not None and len(data) == found[1] + found[2]:
            # Nearly every answer: like those before it, and in one piece.
            self._waiting = None
            self._pool.ended(self, keep=not waiting.missing, failed=False)
            waiting.answered(Answer(found[0], data, found[1], found[3]))
        else:
            self._is_fresh = False
            self._receive(data)

    def _receive(self, data: bytes) -> None:
        if self._waiting is None:
            self.close()  # an answer to nothing must never be taken for that to the next request
        elif self._odd is not None:
            self._read_odd(self._odd, data)
        elif self._answer is not None:
            self._read_body(self._answer, data)
        else:
            self._read_head(self._part + data if self._part else data)

    def _read_head(self, data: bytes) -> None:
        lines = self._pool.lines
        found = lines.usual(data)
        if found is None:
            end = data.find(END)
            if end < 0:
                self._part = data
                if len(data) > MAX_HEAD:
                    self._break("the head of the model server's answer is too large", sent=True)
                return
            found = lines.answer(data[:end])
            if found is None:
                self._odd = AnswerReader()
                self._read_odd(self._odd, data)
                return
        status, size, length, names_release = found
        if len(data) == size + length:
            self._finish(Answer(status, data, size, names_release))
        else:
            self._begin(Answer(status, data[:size], size, names_release), length, data[size:])

    def _begin(self, answer: Answer, length: int, body: bytes) -> None:
        self._answer, self._missing = answer, length
        if length > WHOLE and self._waiting is not None:
            self._passes = True
            self._waiting.begins(answer)
        self._read_body(answer, body)

    def _read_body(self, answer: Answer, data: bytes) -> None:
        self._missing -= len(data)
        if self._missing < 0:
            self._break("the model server's answer is longer than it said", sent=True)
        elif not self._passes:
            self._pieces.append(data)
            if not self._missing:
                answer.wire += b"".join(self._pieces)
                self._finish(answer)
        elif self._waiting is not None:
            if data:
                self._waiting.goes_on(data)
            if not self._missing:
                self._finish(None)

    def _read_odd(self, reader: AnswerReader, data: bytes) -> None:
        try:
            answer = reader.feed(data)
        except ValueError as error:
            self._break(str(error), sent=True)
            return
        if answer is not None:
            self._finish(answer, keep=reader.keep_alive)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._waiting is None:
            self._pool.lost(self)
            return
        answer = self._odd.end() if self._odd is not None and exc is None else None
        if answer is not None:
            self._finish(answer, keep=False)
        else:
            self._break("the model server closed the connection", sent=True)

    def _finish(self, answer: Answer | None, *, keep: bool = True) -> None:
        """The request has its answer; None if the answer has passed by already."""
        waiting, self._waiting = self._waiting, None
        if waiting is None:
            return
        if self._passes:
            self.pause(False)
        self._clear()
        # A server that answers before it has everything does not know where the next one begins.
        self._pool.ended(self, keep=keep and not waiting.missing, failed=False)
        if answer is None:
            waiting.ended()
        else:
            waiting.answered(answer)

    def _break(self, reason: str, *, sent: bool) -> None:
        waiting, self._waiting = self._waiting, None
        self._clear()
        self._pool.ended(self, keep=False, failed=sent)
        if waiting is not None:
            waiting.broke(reason, sent)


class Pool:
    """The connections to one address, with a circuit breaker in front of them."""

    def __init__(self, address: str, loop: asyncio.AbstractEventLoop, lines: Lines) -> None:
        self.address = address
        self.lines = lines
        self.in_flight = 0
        self.sent = 0
        self._loop = loop
        self._idle: list[UpstreamConnection] = []
        self.failures = 0
        self._open_until = 0.0
        self._retired = False
        self._connecting: set[asyncio.Task[None]] = set()

    def is_open(self) -> bool:
        """Whether the circuit is open: the server failed lately and is left alone for a while."""
        return self.failures >= FAILURES_TO_OPEN and self._loop.time() < self._open_until

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

    def ended(self, connection: UpstreamConnection, *, keep: bool, failed: bool) -> None:
        """A request over `connection` has ended; each calls this once."""
        self.in_flight -= 1
        if failed:
            self._count_failure()
        else:
            self.failures = 0
        if keep and not self._retired:
            self._idle.append(connection)
        else:
            connection.close()

    def lost(self, connection: UpstreamConnection) -> None:
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

    async def _open(self) -> UpstreamConnection:
        if self.address.startswith("unix:"):
            path = self.address.removeprefix("unix:")
            _, made = await self._loop.create_unix_connection(
                lambda: UpstreamConnection(self), path
            )
            return made
        host, _, port = self.address.rpartition(":")
        _, made = await self._loop.create_connection(
            lambda: UpstreamConnection(self), host, int(port)
        )
        return made

    def _count_failure(self) -> None:
        self.failures += 1
        if self.failures >= FAILURES_TO_OPEN:
            doublings = min(self.failures - FAILURES_TO_OPEN, 5)
            pause = min(FIRST_PAUSE * 2**doublings, LONGEST_PAUSE)
            self._open_until = self._loop.time() + pause
