"""Answers of upstream servers, as bytes that can be passed on or read."""

from collections.abc import Mapping
from http import HTTPStatus

from goldenpath.http.messages.heads import END, AnswerHead, passed_on
from goldenpath.http.messages.writer import error_body, render


class Answer:
    """One answer: its head as it goes over the wire, and its body."""

    __slots__ = ("is_marked", "size", "status", "wire")

    def __init__(self, status: int, wire: bytes, size: int, is_marked: bool) -> None:
        self.status = status
        self.wire = wire
        """Head and body."""
        self.size = size
        """Bytes of the head, including the empty line after it."""
        self.is_marked = is_marked
        """Whether it has the field that its pool marks."""

    @property
    def head(self) -> bytes:
        """Status line and header lines, without the last line end."""
        return self.wire[: self.size - len(END)]

    @property
    def body(self) -> bytes:
        """The body."""
        return self.wire[self.size :]

    @property
    def fields(self) -> dict[str, str]:
        """Return the fields by name in lower case."""
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        pairs = (line.partition(":") for line in lines)
        return {name.lower(): value.strip() for name, _, value in pairs}

    def render(self, extra: bytes, keep_alive: bool) -> bytes:
        """Return the bytes for a client; `extra` lines are omitted if the answer is marked."""
        if keep_alive and (self.is_marked or not extra):
            return self.wire
        more = b"" if self.is_marked else extra
        close = b"" if keep_alive else b"connection: close\r\n"
        return b"%b\r\n%b%b\r\n%b" % (self.head, more, close, self.body)


def rewritten(head: AnswerHead, body: bytes, mark: bytes) -> Answer:
    """Return an answer with a new head: one length and no hop-by-hop fields."""
    try:
        line = f"HTTP/1.1 {head.status} {HTTPStatus(head.status).phrase}".encode()
    except ValueError:
        line = b"HTTP/1.1 %d " % head.status
    lines = [line, *(b"%b: %b" % pair for pair in passed_on(head.fields))]
    if head.status not in (204, 304):
        lines.append(b"content-length: %d" % len(body))
    wire = b"\r\n".join(lines) + END
    return Answer(head.status, wire + body, len(wire), head.has(mark))


def own_answer(
    status: int, body: bytes, headers: Mapping[str, str] | None = None, *, is_head: bool = False
) -> Answer:
    """Return an answer that no upstream server gave."""
    wire = render(status, body, headers=headers, is_head=is_head)
    return Answer(status, wire, wire.index(END) + len(END), is_marked=False)


def refusal(
    status: int, message: str, headers: Mapping[str, str] | None = None, *, is_head: bool = False
) -> Answer:
    """Return an error in the form of Open Inference Protocol v2."""
    return own_answer(status, error_body(message), headers, is_head=is_head)
