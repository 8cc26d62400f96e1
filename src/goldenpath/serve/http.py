"""HTTP/1.1 on an event loop: llhttp parses, this file keeps order, limits and time.

One parser, and the strict one: what two parsers could understand differently is refused and the
connection closed (RFC 9112, section 11.2). Answers leave in the order of their requests, with one
write per connection and turn. There is no HTTP/1.0 keep-alive and no upgrade.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from time import monotonic, monotonic_ns
from typing import Literal, cast

import httptools

from goldenpath import heads
from goldenpath.reconcile.tls import peer_name
from goldenpath.serve.exchange import Exchange, refuse
from goldenpath.serve.limits import WANTED, Limits
from goldenpath.serve.repeat import Repeated, Repeats


class Host:
    """What the connections of a server share."""

    def __init__(
        self, accept: Callable[[Exchange], None], settle: Callable[[], None], limits: Limits
    ) -> None:
        self.accept = accept
        self.settle = settle
        """Called when everything that a connection had to say has been accepted."""
        self.limits = limits
        self.connections: set[Connection] = set()
        self.draining = False
        self.held = 0
        """Bytes of bodies that are still being received."""
        self.repeats = Repeats()

    def connect(self) -> "Connection":
        """The protocol of a new connection."""
        return Connection(self)

    def sweep(self) -> None:
        """Ends connections that take too long; called about twice a second."""
        now = monotonic()
        for connection in tuple(self.connections):
            connection.check(now)

    @property
    def open_exchanges(self) -> int:
        """Requests that are read, partly or whole, and not answered."""
        return sum(connection.is_busy for connection in self.connections)


class _Refused(Exception):
    """Raised inside the parser to stop it; the connection knows why."""


Phase = Literal["idle", "head", "body", "linger"]


class Connection(asyncio.Protocol):
    """One connection: bytes in, exchanges out, answers in order."""

    def __init__(self, host: Host) -> None:
        self.peer = ""
        self._host = host
        self._limits = host.limits
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._queue: deque[Exchange] = deque()
        self._phase: Phase = "idle"
        self._since = monotonic()
        self._fault: tuple[int, str] | None = None
        self._stuck_since: float | None = None
        self._reading = True
        self._ended = False
        self._target = b""
        self._headers: dict[bytes, bytes] = {}
        self._head_size = 0
        self._head_count = 0
        self._body = bytearray()
        self._body_size = 0
        self._wire = 0
        self._modern = True
        self._data = b""
        """What the parser is fed just now, if a request begins in it."""
        self._repeated: Repeated | None = None
        self._heads = 0

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is there."""
        # Transports of uvloop are not subclasses of those of asyncio, but do what they do.
        self._transport = cast("asyncio.Transport", transport)
        self.peer = peer_name(transport.get_extra_info("peercert"))
        self._since = monotonic()
        host = self._host
        host.connections.add(self)
        if len(host.connections) > self._limits.connections:
            self._refuse(503, "too many connections", {"retry-after": "1"})

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone; what was asked is still worked off and recorded."""
        self._host.connections.discard(self)
        self._host.held -= self._body_size if self._body else 0
        self._body = bytearray()
        self._transport = None

    def data_received(self, data: bytes) -> None:
        """Parses what arrived, and answers what needs no model."""
        if self._phase == "linger":
            return
        try:
            before = self._repeated if self._phase == "idle" else None
            if before is None or not self._repeat(before, data):
                self._parse(data)
        finally:
            self._host.settle()
        queue = self._queue
        if queue and queue[0].answer is not None:
            self.flush()
        if len(queue) > self._limits.pipelined:
            self._set_reading(False)

    def _repeat(self, repeated: Repeated, data: bytes) -> bool:
        """Takes a request that is like the one before; false if it is the parser's."""
        found = repeated.read(data)
        if found is None:
            return False
        headers, body = found
        if len(data) - len(body) > self._limits.head or len(body) > self._limits.body:
            return False
        self._since = monotonic()
        self._accept(b"POST", repeated.target, headers, body, keep_alive=True)
        return True

    def _parse(self, data: bytes) -> None:
        started_in = self._phase
        self._data = data if started_in == "idle" else b""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse(400, "an upgrade of the protocol is not supported", replace=True)
        except httptools.HttpParserError as error:
            if self._fault is None and isinstance(error, httptools.HttpParserCallbackError):
                raise  # a fault of this file, not of the client
            status, message = self._fault or (400, f"not a valid HTTP/1.1 request: {error}")
            self._refuse(status, message)
        else:
            if self._phase == started_in:
                self._count(len(data))
        finally:
            self._data = b""

    def eof_received(self) -> bool:
        """The client sends no more; true keeps the connection until it is answered."""
        self._ended = True
        return bool(self._queue)

    def pause_writing(self) -> None:
        """The client does not read its answers."""
        self._stuck_since = monotonic()
        self._set_reading(False)

    def resume_writing(self) -> None:
        """It does again."""
        self._stuck_since = None
        self._set_reading(True)

    # What the parser calls, in this order for each request.

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        self._phase = "head"
        self._since = monotonic()
        self._target = b""
        self._headers = {}
        self._head_size = self._head_count = self._body_size = self._wire = 0
        self._body = bytearray()

    def on_url(self, url: bytes) -> None:
        """A piece of the target."""
        self._target += url
        self._head_size += len(url)
        if self._head_size > self._limits.head:
            self._stop(414, f"the target is too long: expected at most {self._limits.head} bytes")

    def on_header(self, name: bytes, value: bytes) -> None:
        """A whole header."""
        self._head_size += len(name) + len(value) + 4
        self._head_count += 1
        if self._head_size > self._limits.head or self._head_count > self._limits.headers:
            self._stop(431, f"the head is too large: expected at most {self._limits.head} bytes")
        name = name.lower()
        if name in WANTED:
            if name in self._headers:
                self._stop(400, f"the header {name.decode()} stands twice")
            self._headers[name] = value

    def on_headers_complete(self) -> None:
        """The head is there."""
        self._phase = "body"
        self._wire = 0
        headers = self._headers
        self._modern = self._parser.get_http_version() == "1.1"
        if self._modern and b"host" not in headers:
            self._stop(400, "the header host is missing")
        if int(headers.get(b"content-length", b"0")) > self._limits.body:
            self._stop(413, f"the body is too large: expected at most {self._limits.body} bytes")
        if b"expect" in headers:
            self._expect(headers[b"expect"])

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        # A list of what comes in chunks of two bytes would be twenty times as large.
        self._body += body
        self._body_size += len(body)
        self._host.held += len(body)
        if self._body_size > self._limits.body:
            self._stop(413, f"the body is too large: expected at most {self._limits.body} bytes")
        if self._host.held > self._limits.bodies:
            self._stop(503, "too many large requests at once")

    def on_message_complete(self) -> None:
        """The whole request is there."""
        parser, body = self._parser, bytes(self._body)
        self._host.held -= self._body_size
        self._body = bytearray()
        self._phase = "idle"
        self._since = monotonic()
        keep_alive = self._modern and parser.should_keep_alive()
        method, headers = parser.get_method(), self._headers
        if self._data and keep_alive and method == b"POST":
            self._learn(headers, body)
        self._accept(method, self._target, headers, body, keep_alive=keep_alive)

    def _learn(self, headers: dict[bytes, bytes], body: bytes) -> None:
        self._heads += 1
        if self._heads <= heads.PATIENCE and not headers.keys() & {b"expect", b"upgrade"}:
            self._repeated = self._host.repeats.of(self._data, self._target, headers, body)
        self._data = b""  # a second request in the same piece is not where it begins

    def _accept(
        self,
        method: bytes,
        target: bytes,
        headers: dict[bytes, bytes],
        body: bytes,
        *,
        keep_alive: bool,
    ) -> None:
        if self._queue and not self._queue[-1].keep_alive:
            return  # the answer before says that the connection closes after it
        exchange = Exchange(
            self,
            method,
            target,
            headers,
            body,
            keep_alive and not self._host.draining,
            monotonic_ns(),
            self.peer,
        )
        self._queue.append(exchange)
        if b"upgrade" not in headers:
            self._host.accept(exchange)
            # What was read of it waits for its answer; all the rest would, too.
            exchange.body = b""

    # What the server calls.

    @property
    def is_busy(self) -> bool:
        """Whether a request is being read or answered, up to the last byte."""
        transport = self._transport
        if transport is not None and transport.get_write_buffer_size():
            return True
        return bool(self._queue) or self._phase in ("head", "body")

    def flush(self) -> None:
        """Sends the answers that are ready, in the order of their requests."""
        queue, transport = self._queue, self._transport
        ready: bytes | None = None
        keep_alive = True
        while queue and keep_alive:
            exchange = queue[0]
            if exchange.answer is None:
                break
            ready = exchange.answer if ready is None else ready + exchange.answer
            keep_alive = exchange.keep_alive
            queue.popleft()
        if transport is None or ready is None:
            return
        transport.write(ready)
        if not keep_alive or (self._ended and not queue):
            self._linger()
        elif not self._reading and len(queue) <= self._limits.pipelined // 2:
            self._set_reading(True)

    def close_if_idle(self) -> None:
        """Closes a connection that waits for nothing."""
        if not self.is_busy and self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Ends the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def check(self, now: float) -> None:
        """Ends the connection if it has taken too long."""
        limits, waited = self._limits, now - self._since
        if self._stuck_since is not None and now - self._stuck_since > limits.write_time:
            self.abort()
        elif self._phase == "linger":
            if waited > limits.linger_time and not self._queue and self._transport is not None:
                self._transport.close()
        elif self._phase == "head" and waited > limits.head_time:
            self._refuse(408, "the head took too long")
        elif self._phase == "body" and waited > limits.body_time:
            self._refuse(408, "the body took too long")
        elif self._phase == "idle" and not self._queue and waited > limits.idle_time:
            self.close_if_idle()

    def _stop(self, status: int, message: str) -> None:
        self._fault = (status, message)
        raise _Refused(message)

    def _expect(self, expectation: bytes) -> None:
        if expectation.lower() != b"100-continue":
            self._stop(417, "expected the expectation 100-continue")
        if self._transport is not None and not self._queue:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _count(self, received: int) -> None:
        """Bounds what the parser gathers of a head or a trailer before it gives it away."""
        self._wire += received
        limits = self._limits
        if self._phase == "head" and self._wire > limits.head:
            self._refuse(431, f"the head is too large: expected at most {limits.head} bytes")
        # Chunks of one byte are wasteful and lawful; an endless trailer is neither.
        if self._phase == "body" and self._wire > 2 * limits.body + limits.head:
            self._refuse(413, f"the body is too large: expected at most {limits.body} bytes")

    def _refuse(
        self,
        status: int,
        message: str,
        headers: dict[str, str] | None = None,
        *,
        replace: bool = False,
    ) -> None:
        if replace and self._queue:
            exchange = self._queue[-1]
            exchange.keep_alive = False
        else:
            exchange = Exchange(self, b"", b"", {}, b"", False, 0, self.peer)
            self._queue.append(exchange)
        refuse(exchange, status, message, headers=headers)
        if self._body:
            self._host.held -= self._body_size
            self._body = bytearray()
        self._phase = "linger"
        self.flush()

    def _linger(self) -> None:
        """Ends the sending half, so that a client that still sends can read the answer."""
        self._phase = "linger"
        self._since = monotonic()
        if self._transport is None:
            return
        self._set_reading(True)
        if self._ended or not self._transport.can_write_eof():
            self._transport.close()
        else:
            self._transport.write_eof()

    def _set_reading(self, reading: bool) -> None:
        if self._transport is None or self._transport.is_closing() or self._reading == reading:
            return
        self._reading = reading
        if reading:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()
