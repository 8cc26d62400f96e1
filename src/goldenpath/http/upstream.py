"""Connections to servers: kept alive, one request at a time each, pooled by address."""

import asyncio
import ssl
from typing import Protocol, cast

from goldenpath.backoff import pause_after
from goldenpath.http.messages.answer import Answer, rewritten
from goldenpath.http.messages.chunked import ChunkedReader
from goldenpath.http.messages.heads import CHUNKED, UNTIL_CLOSE, AnswerHead, BadMessage
from goldenpath.http.messages.patterns import PATIENCE, HeadPatterns, RepeatedAnswer
from goldenpath.http.messages.reader import AnswerReader

CONNECT_TIMEOUT = 5.0
FAILURES_TO_OPEN = 3
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 15.0
WHOLE = 1024 * 1024
"""Bytes of the largest buffered body, which can be repeated. Larger ones are streamed."""
MAX_GATHERED = 16 * 1024 * 1024
"""Bytes of the largest buffered body without a declared length."""
LONGEST_HEAD = 64 * 1024
MOST_HEADERS = 100


class Requester(Protocol):
    """A request that waits for an answer; it is notified of the end exactly once."""

    missing: int
    """Outstanding bytes of its request."""
    upstream: "UpstreamConnection | None"
    """The connection over which it was sent."""

    @property
    def method(self) -> bytes:
        """The method of the request."""

    def message(self) -> bytes:
        """Return the bytes to send; of a large request the beginning."""

    def flows(self) -> None:
        """The rest of the request may follow now."""

    def pause_request(self, is_full: bool) -> None:
        """Pause or resume the request, as the server reads it."""

    def answered(self, answer: Answer) -> None:
        """The answer is complete."""

    def begins(self, answer: Answer) -> None:
        """A large answer begins; the rest follows piece by piece."""

    def goes_on(self, piece: bytes) -> None:
        """A piece of a large answer."""

    def ended(self) -> None:
        """The large answer is complete."""

    def broke(self, reason: str, sent: bool) -> None:
        """There is no answer; `sent` is whether a server may have seen the request."""


class UpstreamConnection(asyncio.Protocol):
    """One connection to one server; it has at most one request in flight."""

    def __init__(self, pool: "UpstreamPool") -> None:
        self.idle_since = 0.0
        self._pool = pool
        self._requester: Requester | None = None
        self._transport: asyncio.Transport | None = None
        self._clear()

    def _clear(self) -> None:
        self._is_fresh = True
        """Whether no byte of an answer was read yet."""
        self._part = b""
        self._head: AnswerHead | None = None
        self._answer: Answer | None = None
        """A template of the answer, if its head can be passed on as it is."""
        self._pieces = bytearray()
        self._missing = 0
        self._passes = False
        self._chunks: ChunkedReader | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclass of it, so `isinstance` would not do.
        self._transport = cast(asyncio.Transport, transport)

    def send(self, requester: Requester) -> None:
        """Sends the request of `requester`."""
        self._requester = requester
        transport = self._transport
        if transport is None or transport.is_closing():
            # Nothing was sent, so that the request may go to another server, whatever it is.
            self._break("the connection was closed", sent=False)
            return
        requester.upstream = self
        if requester.missing:
            requester.flows()
        transport.write(requester.message())

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
        """Drop the pending answer: its requester no longer waits."""
        if self._requester is not None:
            self._requester = None
            self._pool.ended(self, keep=False, failed=False)

    def pause_writing(self) -> None:
        if self._requester is not None:
            self._requester.pause_request(True)

    def resume_writing(self) -> None:
        if self._requester is not None:
            self._requester.pause_request(False)

    def data_received(self, data: bytes) -> None:
        requester, usual = self._requester, self._pool.usual
        if usual is not None and self._is_fresh and requester is not None:
            answer = usual.read(data)
            if answer is not None:
                # The common case: the answer has the previous head and arrives in one piece.
                self._requester = None
                self._pool.ended(self, keep=not requester.missing, failed=False)
                requester.answered(answer)
                return
        self._is_fresh = False
        if requester is None:
            self.close()  # an unrequested answer must never count as the answer to the next request
            return
        try:
            self._receive(requester, data)
        except BadMessage as error:
            self._break(f"the server's answer is not valid: {error.message}", sent=True)

    def _receive(self, requester: Requester, data: bytes) -> None:
        while self._head is None:
            data = self._part + data if self._part else data
            reader = self._pool.reader
            end = reader.find_end(data)
            if end < 0:
                self._part = data
                return
            head, self._part = reader.read(data[:end], requester.method), b""
            whole, data = data[: head.size], data[head.size :]
            if head.status >= 200:  # after 1xx the answer is still to come
                self._begin(requester, head, whole)
            elif not data:
                return
        self._read_body(self._head, data)

    def _begin(self, requester: Requester, head: AnswerHead, whole: bytes) -> None:
        self._head, self._missing = head, max(head.length, 0)
        if head.length == CHUNKED:
            self._chunks = ChunkedReader(MAX_GATHERED)
        if head.is_plain:
            is_marked = head.has(self._pool.mark)
            self._answer = Answer(head.status, whole, head.size, is_marked)
            # The answer to HEAD has a length and no body; as a pattern it would cut other answers.
            if requester.method != b"HEAD":
                self._pool.remember(whole, head, is_marked=is_marked)
            if head.length > WHOLE:
                self._passes = True
                requester.begins(self._answer)

    def _read_body(self, head: AnswerHead, data: bytes) -> None:
        if self._chunks is not None:
            data = self._chunks.feed(data)
            if self._chunks.rest:
                raise BadMessage(502, "it is longer than it says")
            is_over = self._chunks.is_over
        else:
            self._missing -= len(data)
            is_over = head.length != UNTIL_CLOSE and self._missing <= 0
            if self._missing < 0 and head.length != UNTIL_CLOSE:
                raise BadMessage(502, "it is longer than it says")
        if self._passes:
            if data and self._requester is not None:
                self._requester.goes_on(data)
        else:
            self._pieces += data
            if len(self._pieces) > MAX_GATHERED:
                raise BadMessage(502, "it is too large")
        if is_over:
            self._finish(head, keep=head.keep_alive)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        head = self._head
        if self._requester is None:
            self._pool.lost(self)
        # Only an orderly close ends such a body; after a reset it may be incomplete (RFC 9112,
        # section 8).
        elif head is not None and head.length == UNTIL_CLOSE and exc is None:
            self._finish(head, keep=False)
        else:
            self._break("the server closed the connection", sent=True)

    def _finish(self, head: AnswerHead, *, keep: bool) -> None:
        """The request has its answer."""
        requester, self._requester = self._requester, None
        if requester is None:
            return
        answer, body, passes = self._answer, bytes(self._pieces), self._passes
        if passes:
            self.pause(False)
        elif answer is None:
            answer = rewritten(head, body, self._pool.mark)
        else:
            answer.wire += body
        self._clear()
        # A server that answered early cannot know where the next request begins.
        self._pool.ended(self, keep=keep and not requester.missing, failed=False)
        if passes or answer is None:
            requester.ended()
        else:
            requester.answered(answer)

    def _break(self, reason: str, *, sent: bool) -> None:
        requester, self._requester = self._requester, None
        self._clear()
        self._pool.ended(self, keep=False, failed=sent)
        if requester is not None:
            requester.broke(reason, sent)


class UpstreamPool:
    """The connections to one address, with a circuit breaker in front of them."""

    def __init__(
        self,
        address: str,
        loop: asyncio.AbstractEventLoop,
        *,
        mark: bytes = b"",
        varying: tuple[str, ...] = (),
        tls: ssl.SSLContext | None = None,
        kept: float | None = None,
    ) -> None:
        """`address` is `unix:PATH` or `HOST:PORT`.

        `mark` names a field whose presence is noted, `varying` fields whose values seldom repeat.
        A connection that was idle for longer than `kept` seconds is not reused.
        """
        self.address = address
        self.reader = AnswerReader(longest=LONGEST_HEAD, most=MOST_HEADERS)
        self.mark = mark
        self.usual: RepeatedAnswer | None = None
        """The head that most answers have."""
        self.in_flight = 0
        self.sent = 0
        self.failures = 0
        self._loop = loop
        self._tls = tls
        self._kept = kept
        self._patterns = HeadPatterns(varying)
        self._heads = 0
        self._idle: list[UpstreamConnection] = []
        self._open_until = 0.0
        self._retired = False
        self._connecting: set[asyncio.Task[None]] = set()

    def is_open(self) -> bool:
        """Whether the circuit is open: the server failed and gets no requests for a while."""
        return self.failures >= FAILURES_TO_OPEN and self._loop.time() < self._open_until

    def send(self, requester: Requester) -> None:
        """Sends over an idle connection, or over a new one."""
        self.in_flight += 1
        self.sent += 1
        while self._idle:
            connection = self._idle.pop()
            # A server closes idle connections too. A request sent at that moment would be lost.
            if self._kept is None or self._loop.time() - connection.idle_since < self._kept:
                connection.send(requester)
                return
            connection.close()
        task = self._loop.create_task(self._connect(requester))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    def retire(self) -> None:
        """Retire the pool: requests in flight finish, idle connections close."""
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
            if self._kept is not None:
                connection.idle_since = self._loop.time()
            self._idle.append(connection)
        else:
            connection.close()

    def lost(self, connection: UpstreamConnection) -> None:
        """The server closed an idle connection."""
        if connection in self._idle:
            self._idle.remove(connection)

    def remember(self, whole: bytes, head: AnswerHead, *, is_marked: bool) -> None:
        """Learn the head of most answers; a head with a clock in it is new each time."""
        self._heads += 1
        # Building a pattern costs more than it saves if no two heads are alike.
        if self._heads > PATIENCE and self.usual is None:
            return
        pattern = self._patterns.of(whole)
        if pattern is not None:
            self.usual = RepeatedAnswer(pattern, head.status, is_marked=is_marked)

    async def _connect(self, requester: Requester) -> None:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                connection = await self._open()
        except (OSError, TimeoutError) as error:
            self.in_flight -= 1
            self._count_failure()
            requester.broke(f"no connection to the server: {error}", False)
            return
        connection.send(requester)

    async def _open(self) -> UpstreamConnection:
        if self.address.startswith("unix:"):
            path = self.address.removeprefix("unix:")
            _, made = await self._loop.create_unix_connection(
                lambda: UpstreamConnection(self), path
            )
            return made
        host, _, port = self.address.rpartition(":")
        _, made = await self._loop.create_connection(
            lambda: UpstreamConnection(self), host, int(port), ssl=self._tls
        )
        return made

    def _count_failure(self) -> None:
        self.failures += 1
        if self.failures >= FAILURES_TO_OPEN:
            further = self.failures - FAILURES_TO_OPEN
            pause = pause_after(further, first=FIRST_PAUSE, longest=LONGEST_PAUSE)
            self._open_until = self._loop.time() + pause
