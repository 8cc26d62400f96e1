"""The server's side of one connection: bytes in, requests out, answers in order.

A connection is in one of five states. IDLE: no request has begun. HEAD: a head has begun.
BODY: a body is buffered. PASSING: a large body is streamed to the application. CLOSED: nothing is
read any more. Answers leave in the order of their requests. No answer follows one that closes the
connection. A refusal is answered and ends the connection, because the bytes after it could be
understood in two ways (RFC 9112, section 11.2). An offer to upgrade is ignored.
"""

import asyncio
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, Final, Protocol, cast

from goldenpath.http.messages.chunked import ChunkedReader
from goldenpath.http.messages.heads import CHUNKED, END, BadMessage, RequestHead
from goldenpath.http.messages.patterns import LONGEST, PATIENCE, RepeatedHead
from goldenpath.http.messages.writer import CONTINUE, error_body, render
from goldenpath.http.tls import peer_name

if TYPE_CHECKING:
    from goldenpath.http.listener import HttpListener

IDLE: Final = 0
HEAD: Final = 1
BODY: Final = 2
PASSING: Final = 3
CLOSED: Final = 4


class PendingAnswer(Protocol):
    """A request that the application has taken and whose answer is not sent yet."""

    answer: bytes | None
    """The bytes that are still to be sent; None while there is no answer."""
    keep_alive: bool
    """Whether another request may follow."""
    held: int
    """Bytes of its body that count against the limit of all bodies until it is answered."""

    def feed(self, piece: bytes) -> None:
        """Take a piece of a large streamed body."""

    def pause_answer(self, is_full: bool) -> None:
        """Pause or resume a large answer, as the client reads it."""

    def lost(self) -> None:
        """The client is gone."""


class ReadyAnswer:
    """An answer that exists at once."""

    __slots__ = ("answer", "held", "keep_alive")

    def __init__(self, answer: bytes, *, keep_alive: bool = False) -> None:
        self.answer: bytes | None = answer
        self.keep_alive = keep_alive
        self.held = 0

    def feed(self, piece: bytes) -> None:
        """The rest of the request is not needed."""

    def pause_answer(self, is_full: bool) -> None:
        """It is sent in one piece."""

    def lost(self) -> None:
        """Nobody waits for anything."""


class ServerConnection(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, listener: "HttpListener") -> None:
        self.listener = listener
        self.peer = ""
        """The name in the client's certificate; empty if it presented none."""
        self.repeated: RepeatedHead | None = None
        """The last head, kept if the client may repeat it."""
        self._limits = listener.limits
        self._largest = listener.limits.body
        self._take = listener.take
        self._settle = listener.settle
        self._transport: asyncio.Transport | None = None
        self._queue: deque[PendingAnswer] = deque()
        self._state = IDLE
        self._since = monotonic()
        self._heads = 0
        self._rest = b""
        """The received bytes that are not read yet."""
        self._head: RequestHead | None = None
        self._body = bytearray()
        self._held = 0
        self._missing = 0
        self._chunks: ChunkedReader | None = None
        self._is_working = False
        self._is_reading = True
        self._has_ended = False
        self._stuck_since: float | None = None

    # Called by the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        # uvloop's transports behave like those of asyncio, but are no subclasses of them.
        self._transport = cast("asyncio.Transport", transport)
        self.peer = peer_name(transport.get_extra_info("peercert"))
        self.listener.connections.add(self)
        # A client that is told so can retry elsewhere; one left in the backlog would only wait.
        if len(self.listener.connections) > self._limits.connections:
            self._refuse(503, "too many connections", {"retry-after": "1"})

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone; its requests are still answered and recorded."""
        self._transport = None
        self._state = CLOSED
        self.listener.connections.discard(self)
        self._let_go()
        # The queue is kept: what a model answers is recorded, whether or not somebody reads it.
        for pending in tuple(self._queue):
            pending.lost()

    def data_received(self, data: bytes) -> None:
        """Read what arrived, and answer what needs no application."""
        repeated, queue = self.repeated, self._queue
        if (
            repeated is not None
            and self._state == IDLE
            and not self._rest
            and (not queue or (len(queue) < self._limits.pipelined and queue[-1].keep_alive))
            and repeated.read(data)
        ):
            head, size = repeated.head, repeated.size
            if len(data) == size + head.length and head.length <= self._largest:
                # The common case: the request has the previous head and arrives in one piece.
                queue.append(self._take(self, head, data[size:], 0))
                if self._settle is not None:
                    self._settle()
                if queue and queue[0].answer is not None:
                    self.flush()
                return
        if self._state == CLOSED:
            return
        self._rest = self._rest + data if self._rest else data
        self._work()

    def eof_received(self) -> bool:
        """The client sends no more; returns true to keep the connection until it is answered."""
        self._has_ended = True
        # A client may close its sending half and still wait for the answers (`nc`, HTTP/1.0).
        return bool(self._queue)

    def pause_writing(self) -> None:
        """The client does not read its answers fast enough."""
        self._stuck_since = monotonic()
        # While a body is passed on, the server that takes it decides about reading.
        if self._state != PASSING:
            self._set_reading(False)
        if self._queue:
            self._queue[0].pause_answer(True)

    def resume_writing(self) -> None:
        """The client reads its answers again."""
        self._stuck_since = None
        if self._state != PASSING:
            self._set_reading(True)
        if self._queue:
            self._queue[0].pause_answer(False)

    # Reading.

    def _work(self) -> None:
        """Read requests while there is room for them, then let the application answer them."""
        # An application may answer at once, and `flush` would then read on within this call.
        if self._is_working:
            return
        self._is_working = True
        try:
            self._read_on()
        except BadMessage as error:
            self._refuse(error.status, error.message)
        finally:
            self._is_working = False
            if self._settle is not None:
                self._settle()
        if self._queue and self._queue[0].answer is not None:
            self.flush()
        if self._state == CLOSED:
            return
        if self._has_ended and not self._queue:
            self._linger()  # the rest will never be complete
        elif len(self._rest) > self._limits.ahead:
            self._set_reading(False)

    def _read_on(self) -> None:
        while self._rest and self._state != CLOSED:
            if self._state in (IDLE, HEAD):
                if self._queue and not self._queue[-1].keep_alive:
                    # The answer before says that the connection closes after it.
                    self._rest, self._state = b"", CLOSED
                    return
                if len(self._queue) >= self._limits.pipelined:
                    self.flush()  # what is answered already makes room
                    if len(self._queue) >= self._limits.pipelined:
                        return
                if not self._read_head():
                    return
            elif self._state == PASSING:
                self._pass_by()
            else:
                self._gather()

    def _read_head(self) -> bool:
        """Read the next head; false if it is incomplete."""
        data, repeated = self._rest, self.repeated
        if self._state == IDLE:
            self._since = monotonic()
            # One empty line before a request line is ignored (RFC 9112, section 2.2).
            data = self._rest = data.removeprefix(b"\r\n") if data[:1] == b"\r" else data
            if not data or data == b"\r":
                return False
            self._state = HEAD
        if repeated is None or not repeated.read(data):
            end = self.listener.reader.find_end(data)
            if end < 0:
                return False
            head, size = self.listener.reader.read(data[:end]), end + len(END)
            self.repeated = self._remember(data[:size], head)
        else:
            head, size = repeated.head, repeated.size
        self._rest = data[size:]
        self._begin_body(head)
        return True

    def _remember(self, whole: bytes, head: RequestHead) -> RepeatedHead | None:
        self._heads += 1
        # Only a head whose request can be told from its bytes alone may be compared: with a length,
        # without a question to the server, and with a request after it.
        if head.length == CHUNKED or head.expects or not head.keep_alive:
            return None
        if self._heads > PATIENCE:
            return RepeatedHead(whole, head)
        longest = min(LONGEST, self._limits.head)
        return RepeatedHead(whole, head, self.listener.patterns.of(whole), longest=longest)

    def _begin_body(self, head: RequestHead) -> None:
        limits = self._limits
        if head.length > limits.body:
            raise BadMessage(413, f"the body is too large: expected at most {limits.body} bytes")
        # Not needed if the body has begun to arrive (RFC 9110, section 10.1.1). While answers wait
        # it would overtake them.
        if head.expects and not self._rest and not self._queue and self._transport is not None:
            self._transport.write(CONTINUE)
        self._head, self._state = head, BODY
        if head.length == CHUNKED:
            # Sizes of chunks and trailers come on top of the content.
            self._chunks = ChunkedReader(limits.gathered + limits.head)
        elif head.length <= len(self._rest):
            body, self._rest = self._rest[: head.length], self._rest[head.length :]
            self._hand_over(head, body)
        else:
            self._missing = head.length
            # A streamed body is never in memory as a whole, so it does not count in `held`.
            if limits.whole is not None and head.length > limits.whole:
                self._missing -= len(self._rest)
                body, self._rest, self._state = self._rest, b"", PASSING
                self._set_reading(False)  # until the application takes it
                self._queue.append(self._take(self, head, body, 0))

    def _gather(self) -> None:
        """Take the received part of the body."""
        data, self._rest = self._rest, b""
        if self._chunks is None:
            piece, self._rest = data[: self._missing], data[self._missing :]
            self._missing -= len(piece)
            is_over = not self._missing
        else:
            piece = self._chunks.feed(data)
            is_over, self._rest = self._chunks.is_over, self._chunks.rest
        self.listener.held += len(piece)
        self._held += len(piece)
        # A list of small pieces would need many times the memory.
        self._body += piece
        if self._chunks is not None and len(self._body) > self._limits.gathered:
            most = self._limits.gathered
            raise BadMessage(413, f"the body is too large: expected at most {most} bytes")
        if self.listener.held > self._limits.bodies:
            raise BadMessage(503, "too many large requests at once")
        if is_over and self._head is not None:
            body, self._body, self._chunks = bytes(self._body), bytearray(), None
            self._head.length = len(body)
            self._hand_over(self._head, body)

    def _hand_over(self, head: RequestHead, body: bytes) -> None:
        held, self._held = self._held, 0
        self._head, self._state = None, IDLE
        self._queue.append(self._take(self, head, body, held))

    def _pass_by(self) -> None:
        piece, self._rest = self._rest[: self._missing], self._rest[self._missing :]
        self._missing -= len(piece)
        if not self._missing:
            self._state = IDLE
        self._queue[-1].feed(piece)

    # Called by the application.

    @property
    def may_go_on(self) -> bool:
        """Return whether another request may follow the one that is answered now."""
        # A client answered before the end of its request may send the rest, which nobody reads.
        if self._state == PASSING:
            return False
        return not self.listener.is_draining or bool(self._rest)

    @property
    def is_busy(self) -> bool:
        """Whether a request is being read or answered, up to the last byte."""
        transport = self._transport
        if transport is not None and transport.get_write_buffer_size():
            return True
        return bool(self._queue) or self._state in (HEAD, BODY, PASSING)

    def flush(self) -> None:
        """Sends the answers that are ready, in the order of their requests."""
        queue, transport = self._queue, self._transport
        ready: bytes | None = None
        keep_alive = True
        while queue and keep_alive:
            pending = queue[0]
            answer = pending.answer
            if answer is None:
                break
            queue.popleft()
            ready = answer if ready is None else ready + answer
            keep_alive = pending.keep_alive
            if pending.held:
                self.listener.held -= pending.held
        if transport is None or ready is None:
            return
        # The time of the last sweep: a call of the clock for each answer would cost more than it
        # tells.
        self._since = self.listener.now
        if ready:
            transport.write(ready)
        if not keep_alive or (self._has_ended and not queue and not self._rest):
            self._linger()
        elif not self._is_working and (self._rest or not self._is_reading):
            # Half of the room must be free, so that reading does not stop and start at each answer.
            if self._stuck_since is None and len(queue) <= self._limits.pipelined // 2:
                self._set_reading(True)
            self._work()

    def send(self, piece: bytes) -> None:
        """Send a piece of a large answer, which is first in line."""
        if self._transport is not None:
            self._transport.write(piece)

    def let_flow(self, may: bool) -> None:
        """Resume or pause reading a large request."""
        self._set_reading(may)

    def close_if_idle(self) -> None:
        """Close the connection if it is idle."""
        if not self.is_busy and self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Ends the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def check(self, now: float) -> None:
        """Ends the connection if it has taken too long."""
        limits, waited, state = self._limits, now - self._since, self._state
        if self._stuck_since is not None and now - self._stuck_since > limits.write_time:
            self.abort()
        elif state == CLOSED:
            if waited > limits.linger_time and not self._queue and self._transport is not None:
                self._transport.close()
        elif state == HEAD and waited > limits.head_time:
            self._refuse(408, "the head took too long")
        elif state == BODY and waited > limits.body_time:
            self._refuse(408, "the body took too long")
        elif state == IDLE and not self._queue and waited > limits.idle_time:
            self.close_if_idle()

    def _refuse(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        """Send the earlier answers, then the refusal, and stop reading."""
        waited = monotonic() - self._since if status == 408 else 0.0
        self.listener.refused(status, waited)
        answer = render(status, error_body(message), headers=headers, keep_alive=False)
        self._queue.append(ReadyAnswer(answer))
        self._let_go()
        self._state = CLOSED
        self.flush()

    def _let_go(self) -> None:
        self.listener.held -= self._held
        self._held = self._missing = 0
        self._rest, self._body, self._chunks, self._head = b"", bytearray(), None, None

    def _linger(self) -> None:
        """Close the sending half, so that a client that still sends can read the answer."""
        self._let_go()
        self._state = CLOSED
        if self._transport is None:
            return
        self._set_reading(True)
        if self._has_ended or not self._transport.can_write_eof():
            self._transport.close()
        else:
            self._transport.write_eof()

    def _set_reading(self, reading: bool) -> None:
        transport = self._transport
        if transport is None or self._is_reading == reading or transport.is_closing():
            return
        self._is_reading = reading
        if reading:
            transport.resume_reading()
        else:
            transport.pause_reading()
