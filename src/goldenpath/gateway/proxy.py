"""The client's side of the gateway: connections, limits, and answers in the order of requests."""

import asyncio
from collections import deque
from typing import cast

import httptools

from goldenpath.gateway.dispatch import PREDICTION, Dispatcher
from goldenpath.gateway.message import Answer, Headers, Request, refusal

MAX_HEAD = 32 * 1024
MAX_HEADERS = 100
MAX_BODY = 16 * 1024 * 1024
"""Bytes of the largest request, 16 MiB."""
HEAD_SECONDS = 30.0
IDLE_SECONDS = 75.0
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
HEALTH = Answer(200, [(b"content-type", b"application/json")], b'{"live":true}')


class Client(asyncio.Protocol):
    """One client's connection; one request at a time is worked on, others wait their turn."""

    def __init__(self, dispatcher: Dispatcher, clients: "Clients") -> None:
        self._dispatcher = dispatcher
        self._clients = clients
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._queue: deque[tuple[Request, bool]] = deque()
        self._busy = False
        self._working = False
        self._paused = False
        self._closing = False
        self._refused: Answer | None = None
        self._in_message = False
        self.since = dispatcher.loop.time()
        self._clear()

    def _clear(self) -> None:
        self._url = b""
        self._headers: Headers = []
        self._head_size = 0
        self._in_head = True
        self._body: list[bytes] = []
        self._size = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclass of it, so `isinstance` would not do.
        self._transport = cast(asyncio.Transport, transport)
        self._clients.open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._clients.open.discard(self)

    def data_received(self, data: bytes) -> None:
        if self._closing:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse(501, "this gateway upgrades no connections")
        except httptools.HttpParserError as error:
            self._refuse(400, f"the request is not valid HTTP: {error}")
        if self._in_message and self._in_head:
            self._head_size += len(data)
            if self._head_size > MAX_HEAD:
                self._refuse(431, f"the head of the request is larger than {MAX_HEAD} bytes")
        self._work()

    def on_message_begin(self) -> None:
        self._clear()
        self._in_message = True
        self.since = self._dispatcher.loop.time()

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value))
        if len(self._headers) > MAX_HEADERS:
            self._refuse(431, f"the request has more than {MAX_HEADERS} headers")

    def on_headers_complete(self) -> None:
        self._in_head = False
        names = [name for name, _ in self._headers]
        if self._parser.should_upgrade():
            self._refuse(501, "this gateway upgrades no connections")
        if len(self._url) > MAX_HEAD:
            self._refuse(414, "the target of the request is too long")
        if names.count(b"host") != 1 and self._parser.get_http_version() == "1.1":
            self._refuse(400, "the request needs exactly one Host header")
        length = next((v for n, v in self._headers if n == b"content-length"), b"0")
        if int(length) > MAX_BODY:
            self._refuse(413, f"the body of the request is larger than {MAX_BODY} bytes")
        expect = next((v for n, v in self._headers if n == b"expect"), None)
        if expect is not None and self._refused is None and not self._busy and self._transport:
            self._transport.write(CONTINUE)

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size > MAX_BODY:
            self._refuse(413, f"the body of the request is larger than {MAX_BODY} bytes")
        elif self._refused is None:
            self._body.append(body)

    def on_message_complete(self) -> None:
        self._in_message = False
        if self._refused is None:
            body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
            method: bytes = self._parser.get_method()
            request = Request(method, self._url, self._headers, body)
            self._queue.append((request, bool(self._parser.should_keep_alive())))

    def drain(self) -> None:
        """Closes the connection after the answers that are owed."""
        self._closing = True
        if not self._busy and not self._queue and self._transport is not None:
            self._transport.close()

    def expire(self, now: float) -> None:
        """Closes the connection if it has been idle, or half way through a request, too long."""
        if self._busy or self._queue or self._transport is None:
            return
        if self._in_message and now - self.since > HEAD_SECONDS:
            self._refuse(408, "the request did not arrive in time")
            self._work()
        elif not self._in_message and now - self.since > IDLE_SECONDS:
            self._transport.close()

    def _refuse(self, status: int, message: str) -> None:
        """Everything after a bad request is garbage: answer what came before it, then close."""
        if self._refused is None:
            self._refused = refusal(status, message)
            self._closing = True

    def _work(self) -> None:
        """Starts what is next in the queue, one at a time; then says why the rest was refused."""
        if self._working:
            return
        self._working = True
        while self._queue and not self._busy and self._transport is not None:
            request, keep_alive = self._queue.popleft()
            self._busy = True
            self._route(request, keep_alive)
        self._working = False
        if self._transport is None:
            return
        if self._busy:
            if self._queue and not self._paused:
                self._paused = True  # what the client sends meanwhile waits in the kernel
                self._transport.pause_reading()
        elif self._refused is not None:
            self._transport.write(self._refused.render([], keep_alive=False))
            self._transport.close()
        elif self._paused:
            self._paused = False
            self._transport.resume_reading()

    def _route(self, request: Request, keep_alive: bool) -> None:
        def reply(answer: Answer, extra: Headers) -> None:
            self._reply(answer, extra, keep_alive)

        if request.path == b"/healthz":
            reply(HEALTH, [])
            return
        found = self._dispatcher.find(request.path, request.find(b"host") or b"")
        if found is None:
            reply(refusal(404, "no model is served at this path"), [])
        elif request.method not in (b"GET", b"POST"):
            reply(refusal(405, "expected GET or POST", [(b"allow", b"GET, POST")]), [])
        else:
            key, path = found
            # The id is the gateway's to give: a client could otherwise make two answers share one.
            headers = [pair for pair in request.headers if pair[0] != PREDICTION]
            inner = Request(request.method, path, headers, request.body)
            self._dispatcher.submit(key, inner, reply)

    def _reply(self, answer: Answer, extra: Headers, keep_alive: bool) -> None:
        self._busy = False
        self.since = self._dispatcher.loop.time()
        if self._transport is None:
            return
        last = not self._queue and self._refused is None
        keep = keep_alive and not (self._closing and last)
        self._transport.write(answer.render(extra, keep))
        if not keep:
            self._closing = True
            self._queue.clear()
            self._refused = None
            self._transport.close()
            return
        self._work()


class Clients:
    """Every open client connection."""

    def __init__(self) -> None:
        self.open: set[Client] = set()

    def drain(self) -> None:
        """Closes each after the answers that are owed."""
        for client in tuple(self.open):
            client.drain()

    def expire(self, now: float) -> None:
        """Closes those that have been idle too long."""
        for client in tuple(self.open):
            client.expire(now)
