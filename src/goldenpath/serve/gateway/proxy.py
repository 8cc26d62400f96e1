"""The client's side of the gateway: connections, limits, and answers in the order of requests."""

import asyncio
from typing import cast

from goldenpath.http.repeated import PATIENCE
from goldenpath.serve.gateway.caller_naming import Name, Naming
from goldenpath.serve.gateway.dispatch import Dispatcher
from goldenpath.serve.gateway.fallback_reader import RequestReader
from goldenpath.serve.gateway.head import MAX_HEAD, MAX_HEADERS
from goldenpath.serve.gateway.message import END, WHOLE, Answer, RequestHead, refusal, written
from goldenpath.serve.gateway.proxied_request import ProxiedRequest
from goldenpath.serve.gateway.repeated_heads import Form
from goldenpath.serve.gateway.route import TrafficRoute

MAX_BODY = 64 * 1024 * 1024
"""Bytes of the largest request, 64 MiB; what is larger than `WHOLE` is never kept whole."""
MAX_WAITING = 64 * 1024
"""Bytes that a client may send ahead, and of a body that nobody counts."""
MAX_KEPT = 256 * 1024 * 1024
"""Bytes of all bodies that are kept until they are answered."""
MAX_CLIENTS = 8192
HEAD_SECONDS = 30.0
IDLE_SECONDS = 75.0
LINGER_SECONDS = 1.0
"""How long a client may take to read the last answer before its connection is closed."""
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
HEALTH = written(200, [(b"content-type", b"application/json")], b'{"live":true}')


class ClientConnection(asyncio.Protocol):
    """One client's connection; one request at a time is worked on, others wait their turn."""

    def __init__(
        self, dispatcher: Dispatcher, clients: "ClientConnections", naming: Naming
    ) -> None:
        self._dispatcher = dispatcher
        self._naming = naming
        self._name: Name | None = None
        self._clients = clients
        self._transport: asyncio.Transport | None = None
        self.since = dispatcher.loop.time()
        self._rest = b""
        """What was sent ahead and is not looked at yet."""
        self._part = bytearray()
        """Of a body; a list of what comes in small pieces would be many times as large."""
        self._missing = 0
        """Bytes of the body that is being collected, or that passes by."""
        self._busy = False
        self._working = False
        self._paused = False
        self._draining = False
        self._closing = False
        """Nothing is read any more."""
        self._is_partial = False
        """Whether a head began that is not complete."""
        self._keep_alive = True
        self._refused: Answer | None = None
        self._exchange: ProxiedRequest | None = None
        self._claimed = 0
        self._reader: RequestReader | None = None
        self._form: Form | None = None
        """The head that was read last; most clients repeat themselves."""
        self._forms = 0
        self._lane: TrafficRoute | None = None
        """Where it leads, with the target as the servers there see it."""
        self._target = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclass of it, so `isinstance` would not do.
        self._transport = cast(asyncio.Transport, transport)
        self._name = self._naming.of(transport)
        self._clients.open.add(self)
        if len(self._clients.open) > MAX_CLIENTS:
            self._refuse(503, "too many connections")
            self._work()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._clients.open.discard(self)
        self._release()
        if self._exchange is not None and (self._exchange.missing or self._exchange.passing):
            # Nobody can take or give the rest; a whole request is answered and recorded anyway.
            self._exchange.give_up(502, "the client is gone")

    def data_received(self, data: bytes) -> None:
        if self._closing:
            return
        if self._missing:
            data = self._take(data)
            if not data:
                return
        if self._busy or self._rest:
            self._rest += data
            if self._busy:
                self._hold_reading(len(self._rest) > MAX_WAITING)
                return
            data, self._rest = self._rest, b""
        if self._reader is None:
            self._read(data)
        else:
            self._rest = data
        if self._rest or self._refused is not None or self._reader is not None:
            self._work()

    def _read(self, data: bytes) -> None:
        """Reads one request; what is behind it stays in `_rest`."""
        form = self._form
        if form is None or not form.read(data):
            end = data.find(END)
            read = self._dispatcher.lines.request(data[:end]) if 0 < end <= MAX_HEAD else None
            if read is None:
                self._read_odd(data, is_partial=end < 0)
                return
            form = self._form = self._form_of(data[: end + 4], read)
            self._lane = None
        self._is_partial = False
        head, body = form.head, data[form.size :]
        missing = head.length - len(body)
        if missing < 0:
            body, self._rest = body[:missing], body[missing:]
        elif missing > 0:
            self._collect(head, body)
            return
        self._route(head, body)

    def _form_of(self, whole: bytes, head: RequestHead) -> Form:
        self._forms += 1
        patient = self._forms <= PATIENCE
        return self._dispatcher.forms.of(whole, head) if patient else Form(whole, head)

    def _read_odd(self, data: bytes, *, is_partial: bool) -> None:
        """Waits for the rest of a head that may be plain; others are llhttp's from here on."""
        self._rest = data
        may_be = b"POST ".startswith(data[:5]) or b"GET ".startswith(data[:4])
        ends = data.count(b"\r\n")
        if not (is_partial and may_be and data.count(b"\n") == ends <= MAX_HEADERS):
            self._reader = RequestReader(self._claim, self._encourage)
        elif len(data) > MAX_HEAD:
            self._refuse(431, f"the head of the request is larger than {MAX_HEAD} bytes")
        elif not self._is_partial:
            self._is_partial = True
            self.since = self._dispatcher.loop.time()

    def _collect(self, head: RequestHead, body: bytes) -> None:
        """The body is not all there: keeps what is, or lets a large one pass by."""
        if head.length > MAX_BODY:
            self._refuse(413, f"the body of the request is larger than {MAX_BODY} bytes")
            return
        if head.expects and not body:
            self._encourage()
        self._missing = head.length - len(body)
        self.since = self._dispatcher.loop.time()
        if head.length > WHOLE:
            self.let_flow(False)
            self._route(head, body)
        elif not self._claim(head.length):
            self._refuse(503, "too many large requests at once")
        else:
            self._part += body

    def _take(self, data: bytes) -> bytes:
        """Takes what belongs to the body that is under way; returns what is behind it."""
        piece, rest = data[: self._missing], data[self._missing :]
        self._missing -= len(piece)
        if self._exchange is not None:
            self._exchange.feed(piece)
            return rest
        self._part += piece
        if not self._missing and self._form is not None:
            body, self._part, self._rest = bytes(self._part), bytearray(), rest
            self._route(self._form.head, body)
            self._work()
        return b""

    def drain(self) -> None:
        """Closes the connection after the answers that are owed."""
        self._draining = True
        if not self._busy and not self._owes and self._transport is not None:
            self._transport.close()

    @property
    def _owes(self) -> bool:
        waiting = self._reader is not None and bool(self._reader.requests)
        return waiting or bool(self._missing or self._rest or self._refused)

    def expire(self, now: float) -> None:
        """Closes the connection if it has been idle, or half way through a request, too long."""
        if self._busy or self._transport is None:
            return
        waited = now - self.since
        if self._closing:
            if waited > LINGER_SECONDS:
                self._transport.close()
            return
        is_inside = self._rest or self._missing or (self._reader and self._reader.in_message)
        if is_inside and waited > HEAD_SECONDS:
            self._refuse(408, "the request did not arrive in time")
            self._work()
        elif not is_inside and waited > IDLE_SECONDS:
            self._transport.close()

    def _work(self) -> None:
        """Starts what is next, one at a time; then says why the rest was refused."""
        if self._working:
            return
        self._working = True
        while not self._busy and self._transport is not None and not self._refused:
            if self._reader is not None:
                if self._rest:
                    self._feed(self._reader)
                if not self._reader.requests:
                    self._refused = self._reader.refused
                    break
                head, body = self._reader.requests.popleft()
                self._lane = None
                self._route(head, body)
            elif self._rest and not self._missing:
                before, self._rest = self._rest, b""
                self._read(before)
                if self._rest == before and self._reader is None:
                    break
            else:
                break
        self._working = False
        if self._transport is None or self._busy:
            return
        if self._refused is not None:
            # Only who was waited for took time; the others were refused as soon as they were read.
            late = self._refused.status == 408
            waited = self._dispatcher.loop.time() - self.since if late else 0.0
            self._dispatcher.refusals.count("", b"", self._refused.status, waited)
            self._transport.write(self._refused.render(b"", keep_alive=False))
            self._end()
        else:
            self._hold_reading(False)

    def _feed(self, reader: RequestReader) -> None:
        data, self._rest = self._rest, b""
        was_inside = reader.in_message
        reader.feed(data)
        if reader.in_message and not was_inside:
            self.since = self._dispatcher.loop.time()

    def _route(self, head: RequestHead, body: bytes) -> None:
        self._busy = True
        self._keep_alive = head.keep_alive
        lane = self._lane
        if lane is None or not lane.served:
            if head.target == b"/healthz":
                self.reply(HEALTH, b"")
                return
            found = self._dispatcher.find(head.target, head.host)
            if found is None:
                self._reply_with(head, refusal(404, "no model is served at this path"))
                return
            if head.method not in (b"GET", b"POST"):
                allow = [(b"allow", b"GET, POST")]
                self._reply_with(head, refusal(405, "expected GET or POST", allow))
                return
            lane, self._target = found
            if self._reader is None:
                self._lane = lane
        form = self._form if self._reader is None else None
        beginning = (form or head).beginning(self._target)
        if self._name is not None:
            beginning = self._name(beginning, head)
        exchange = self._dispatcher.submit(self, lane, head, beginning, body)
        if not exchange.done:
            self._exchange = exchange

    def _reply_with(self, head: RequestHead, answer: Answer) -> None:
        """An answer of the gateway's own, for no model that is served here."""
        self._dispatcher.refusals.count("", head.method, answer.status, 0.0)
        self.reply(answer, b"")

    # What an exchange calls.

    def reply(self, answer: Answer, extra: bytes) -> None:
        """The answer to the request that is worked on."""
        self._exchange = None
        if self._claimed:
            self._release()
        self._busy = False
        transport = self._transport
        if transport is None:
            return
        # Who is answered before the end of the request may send the rest of it: nobody reads that.
        keep = self._keep_alive and not self._missing and not (self._draining and not self._owes)
        transport.write(answer.render(extra, keep))
        self._replied(keep)

    def begin_reply(self, answer: Answer, extra: bytes) -> None:
        """The head of a large answer."""
        if self._transport is not None:
            keep = self._keep_alive and not self._missing and not self._draining
            self._keep_alive = keep
            self._transport.write(answer.render(extra, keep))

    def go_on(self, piece: bytes) -> None:
        """A piece of a large answer."""
        if self._transport is not None:
            self._transport.write(piece)

    def end_reply(self, *, is_whole: bool) -> None:
        """The large answer is over; one that broke off cannot be told otherwise than so."""
        self._exchange = None
        self._release()
        self._busy = False
        if self._transport is None:
            return
        if is_whole:
            self._replied(self._keep_alive)
        else:
            self._closing = True
            self._transport.abort()

    def let_flow(self, may: bool) -> None:
        """Reads more of a large request, or stops that."""
        self._hold_reading(not may)

    def pause_writing(self) -> None:
        if self._exchange is not None and self._exchange.connection is not None:
            self._exchange.connection.pause(True)

    def resume_writing(self) -> None:
        if self._exchange is not None and self._exchange.connection is not None:
            self._exchange.connection.pause(False)

    def _replied(self, keep: bool) -> None:
        self.since = self._dispatcher.loop.time()
        if not keep:
            self._end()
        elif self._rest or self._paused or self._reader is not None:
            self._work()

    def _end(self) -> None:
        """Ends the sending half; a client that still sends would lose the answer to a reset."""
        self._closing = True
        self.since = self._dispatcher.loop.time()
        self._rest, self._refused, self._reader = b"", None, None
        if self._transport is not None:
            self._hold_reading(False)
            self._transport.write_eof()

    def _refuse(self, status: int, message: str) -> None:
        """Everything after a bad request is garbage: answer what came before it, then close."""
        if self._refused is None:
            self._refused = refusal(status, message)

    def _encourage(self) -> None:
        if not self._busy and self._transport is not None:
            self._transport.write(CONTINUE)

    def _claim(self, size: int) -> bool:
        """Whether so much more may be kept."""
        if self._clients.kept + size > MAX_KEPT:
            return False
        self._clients.kept += size
        self._claimed += size
        return True

    def _release(self) -> None:
        self._clients.kept -= self._claimed
        self._claimed = 0

    def _hold_reading(self, hold: bool) -> None:
        """What the client sends meanwhile waits in the kernel."""
        if self._transport is None or self._paused == hold or self._transport.is_closing():
            return
        self._paused = hold
        if hold:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()


class ClientConnections:
    """Every open client connection."""

    def __init__(self) -> None:
        self.open: set[ClientConnection] = set()
        self.kept = 0
        """Bytes of bodies in memory."""

    def drain(self) -> None:
        """Closes each after the answers that are owed."""
        for client in tuple(self.open):
            client.drain()

    def expire(self, now: float) -> None:
        """Closes those that have been idle too long."""
        for client in tuple(self.open):
            client.expire(now)
