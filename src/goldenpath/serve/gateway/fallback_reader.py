"""Messages whose head is not plain, read by llhttp: chunked bodies, HTTP/1.0, several values.

Such a message is written anew, with one Content-Length; what llhttp does not take is refused.
"""

from collections import deque
from collections.abc import Callable

import httptools

from goldenpath.instruments import (
    HEADER_CALLER,
    HEADER_CANARY,
    HEADER_PREDICTION,
    HEADER_SHADOW,
    HEADER_SLOT,
    HEADER_SUBJECT,
)
from goldenpath.serve.gateway.head import MAX_HEAD, MAX_HEADERS
from goldenpath.serve.gateway.message import Answer, Headers, RequestHead, kept, refusal, written

MAX_ODD_BODY = 16 * 1024 * 1024
"""Bytes of the largest body that is kept because its length was not said first, 16 MiB."""

_OURS = tuple(
    name.encode() for name in (HEADER_PREDICTION, HEADER_SHADOW, HEADER_CANARY, HEADER_CALLER)
)


class RequestReader:
    """Reads the requests of one connection from here on; stops at the first that is refused."""

    def __init__(self, claim: Callable[[int], bool], encourage: Callable[[], None]) -> None:
        self.requests: deque[tuple[RequestHead, bytes]] = deque()
        self.refused: Answer | None = None
        self.in_message = False
        self._claim = claim
        self._encourage = encourage
        self._parser = httptools.HttpRequestParser(self)
        self._clear()

    def _clear(self) -> None:
        self._url = b""
        self._headers: Headers = []
        self._head_size = 0
        self._in_head = True
        self._body = bytearray()
        self._size = 0

    def feed(self, data: bytes) -> None:
        """Reads on; what was understood is in `requests`, why it stopped in `refused`."""
        if self.refused is not None:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.refuse(501, "this gateway upgrades no connections")
        except httptools.HttpParserError as error:
            self.refuse(400, f"the request is not valid HTTP: {error}")
        if self.in_message and self._in_head:
            self._head_size += len(data)
            if self._head_size > MAX_HEAD:
                self.refuse(431, f"the head of the request is larger than {MAX_HEAD} bytes")

    def refuse(self, status: int, message: str) -> None:
        """Everything after a bad request is garbage: it is not read any more."""
        if self.refused is None:
            self.refused = refusal(status, message)

    def on_message_begin(self) -> None:
        self._clear()
        self.in_message = True

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value))
        if len(self._headers) > MAX_HEADERS:
            self.refuse(431, f"the request has more than {MAX_HEADERS} headers")

    def on_headers_complete(self) -> None:
        self._in_head = False
        names = [name for name, _ in self._headers]
        if self._parser.should_upgrade():
            self.refuse(501, "this gateway upgrades no connections")
        if len(self._url) > MAX_HEAD:
            self.refuse(414, "the target of the request is too long")
        if names.count(b"host") != 1 and self._parser.get_http_version() == "1.1":
            self.refuse(400, "the request needs exactly one Host header")
        if int(self._find(b"content-length") or 0) > MAX_ODD_BODY:
            self._too_large()
        if self._find(b"expect") is not None and self.refused is None:
            self._encourage()

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size > MAX_ODD_BODY:
            self._too_large()
        elif not self._claim(len(body)):
            self.refuse(503, "too many large requests at once")
        elif self.refused is None:
            self._body += body

    def on_message_complete(self) -> None:
        self.in_message = False
        if self.refused is None:
            body = bytes(self._body)
            self.requests.append((self._request(len(body)), body))

    def _request(self, length: int) -> RequestHead:
        lines = b"".join(
            b"%b: %b\r\n" % (name, value)
            for name, value in kept(self._headers)
            if name not in _OURS
        )
        return RequestHead(
            self._parser.get_method(), self._url, lines, length, self._find(b"host") or b"",
            self._find(HEADER_SUBJECT.encode()), self._find(HEADER_SLOT.encode()),
            bool(self._parser.should_keep_alive()), False,
            self._find(HEADER_CALLER.encode()) or b"",
        )  # fmt: skip

    def _find(self, name: bytes) -> bytes | None:
        return next((value for known, value in self._headers if known == name), None)

    def _too_large(self) -> None:
        self.refuse(413, f"the body of the request is larger than {MAX_ODD_BODY} bytes")


class AnswerReader:
    """Reads one answer; a second one is an error, since it would be taken for the next."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._headers: Headers = []
        self._body: list[bytes] = []
        self._size = 0
        self._status = 0
        self._until_close = False
        self._complete = False
        self.keep_alive = False

    def feed(self, data: bytes) -> Answer | None:
        """The answer once it is whole. Raises `ValueError` if it is no valid one, or too large."""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            raise ValueError("the model server's answer is not valid HTTP") from error
        if self._size > MAX_ODD_BODY:
            raise ValueError("the model server's answer is too large")
        return self._answer() if self._complete else None

    def end(self) -> Answer | None:
        """The answer, if the end of the connection was meant as its end."""
        return self._answer() if self._until_close else None

    def _answer(self) -> Answer:
        return written(self._status, self._headers, b"".join(self._body))

    def on_message_begin(self) -> None:
        if self._complete:
            raise ValueError("a second answer to one request")
        self._headers, self._body, self._size = [], [], 0

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self._status = self._parser.get_status_code()
        names = {name for name, _ in self._headers}
        framed = b"content-length" in names or b"transfer-encoding" in names
        self._until_close = not framed and self._status >= 200 and self._status not in (204, 304)

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size <= MAX_ODD_BODY:
            self._body.append(body)

    def on_message_complete(self) -> None:
        self._complete = self._status >= 200  # after 1xx the answer is still to come
        # Only now: once the message is over, the parser has forgotten its version.
        self.keep_alive = bool(self._parser.should_keep_alive())
