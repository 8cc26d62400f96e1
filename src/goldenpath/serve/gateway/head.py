"""Heads of HTTP messages that can be read in one way only, read line by line and remembered.

Most lines of a head are the same in each request of a client, and in each answer of a server: a
line that was understood once is looked up. A line that is not plain (a transfer encoding, an
upgrade, a second host, anything out of the strict grammar) makes the whole head "odd"; odd heads
go to llhttp, which reads or refuses them (RFC 9112, section 11.2, request smuggling).
"""

import re
from typing import Final

from goldenpath.instruments import (
    HEADER_CALLER,
    HEADER_CANARY,
    HEADER_PREDICTION,
    HEADER_RELEASE,
    HEADER_SHADOW,
    HEADER_SLOT,
    HEADER_SUBJECT,
)
from goldenpath.serve.gateway.message import END, HOP_BY_HOP, RequestHead

MAX_HEAD = 32 * 1024
MAX_HEADERS = 100
LONGEST_LENGTH = 12
"""Digits of a Content-Length."""
ID_LENGTH = 32
"""Hexadecimal digits of a prediction id."""
REMEMBERED_LINES = 1024
REMEMBERED_STATUSES = 32
LONGEST_REMEMBERED = 200
"""Bytes of a line; longer ones are seldom the same twice."""


# What a line means to whoever passes it on. Plain integers: an enumeration costs as much to look
# at as all the rest.
PLAIN: Final = 0
ODD: Final = 1
LENGTH: Final = 2
HOST: Final = 3
SUBJECT: Final = 4
SLOT: Final = 5
DROPPED: Final = 6
CLOSE: Final = 7
CONTINUE: Final = 8
RELEASE: Final = 9
KEEP: Final = 10
CALLER: Final = 11

_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t -~\x80-\xff]*)")
_REQUEST = re.compile(rb"(GET|POST) (/[!-~]{0,8000}) HTTP/1\.1")
_STATUS = re.compile(rb"HTTP/1\.1 ([2-5][0-9][0-9]) [\t -~\x80-\xff]*")
_KINDS = {
    b"host": HOST,
    HEADER_SUBJECT.encode(): SUBJECT,
    HEADER_SLOT.encode(): SLOT,
    HEADER_RELEASE.encode(): RELEASE,
    # The id is the gateway's to give: a client could otherwise make two answers share one.
    HEADER_PREDICTION.encode(): DROPPED,
    HEADER_SHADOW.encode(): DROPPED,
    HEADER_CANARY.encode(): DROPPED,
    HEADER_CALLER.encode(): CALLER,
}
_FOR_THIS_HOP = frozenset({LENGTH, DROPPED, KEEP, CLOSE, CONTINUE, CALLER})
_ID = HEADER_PREDICTION.encode() + b": "
VARYING = {
    spelled: SUBJECT if name == HEADER_SUBJECT else PLAIN
    for name in ("traceparent", "tracestate", "x-request-id", HEADER_SUBJECT)
    for spelled in (name.encode(), name.title().encode())
}
"""Names whose values are seldom the same twice, as most clients spell them."""
TEXT = b"\t" + bytes(range(0x20, 0x7F)) + bytes(range(0x80, 0x100))
"""What a value may be made of."""

Line = tuple[int, bytes, int]
"""What a line is, its value, and the value as a number where it is a length."""
_ODD: Line = (ODD, b"", 0)


AnswerHead = tuple[int, int, int, bool]
"""A head to pass on: status, its size with the empty line, the length of what follows, and whether
the server said itself which release it is."""


class Lines:
    """Reads heads and remembers lines; bounded, and each line means the same to everybody."""

    def __init__(self) -> None:
        self._known: dict[bytes, Line] = {}
        self._statuses: dict[bytes, int] = {}
        self._firsts: dict[bytes, tuple[bytes, bytes]] = {}
        self._last = b""
        """The answer before, as a pattern of all that are like it but for id and length."""
        self._usual: tuple[re.Pattern[bytes], int, bool] | None = None
        """The pattern of most answers, and what they say."""

    def request(self, head: bytes) -> RequestHead | None:
        """The request whose head, without the empty line, this is; None if it is odd."""
        first, *lines = head.split(b"\r\n")
        found = self._firsts.get(first) or self._read_first(first)
        if found is None or len(lines) > MAX_HEADERS:
            return None
        kept: list[bytes] = []
        special: dict[int, Line] = {}
        known = self._known.get
        for line in lines:
            read = known(line) or self._read(line)
            kind = read[0]
            if kind != PLAIN:
                if kind == ODD or kind in special:
                    return None
                special[kind] = read
                if kind in _FOR_THIS_HOP:
                    continue
            kept.append(line)
        if HOST not in special:
            return None
        kept.append(b"")
        method, target = found
        subject, slot = special.get(SUBJECT), special.get(SLOT)
        return RequestHead(
            method,
            target,
            lines=b"\r\n".join(kept),
            length=special[LENGTH][2] if LENGTH in special else 0,
            host=special[HOST][1],
            subject=subject[1] if subject else None,
            slot=slot[1] if slot else None,
            keep_alive=CLOSE not in special,
            expects=CONTINUE in special,
            caller=special[CALLER][1] if CALLER in special else b"",
        )

    def usual(self, data: bytes) -> AnswerHead | None:
        """An answer like those before but for its id and length; None for every other one."""
        if self._usual is None:
            return None
        pattern, status, names_release = self._usual
        found = pattern.match(data)
        return (status, found.end(), int(found[1]), names_release) if found is not None else None

    def answer(self, head: bytes) -> AnswerHead | None:
        """The answer whose head, without the empty line, this is; None if it is odd."""
        found = self._read_answer(head)
        if found is not None:
            before, name, rest = head.partition(_ID)
            between, last, length = rest[ID_LENGTH:].rpartition(b"\r\ncontent-length: ")
            if name and last and length.isdigit() and rest[:ID_LENGTH].isalnum():
                # What comes twice is worth a pattern; a head with a clock in it is not.
                source = _answer_source(before + name, between + last)
                if source == self._last:
                    self._usual = (re.compile(source), found[0], found[3])
                self._last = source
        return found

    def _read_answer(self, head: bytes) -> AnswerHead | None:
        first, *lines = head.split(b"\r\n")
        status = self._statuses.get(first) or self._read_status(first)
        if not status:
            return None
        length, names_release = -1, False
        for line in lines:
            if line.startswith(_ID) and line[len(_ID) :].isalnum():
                continue
            kind, _, number = self._known.get(line) or self._read(line)
            if kind in (PLAIN, SLOT):
                continue
            if kind == LENGTH and length < 0:
                length = number
            elif kind == RELEASE:
                names_release = True
            else:
                return None  # with what is meant for this hop it cannot be passed on as it is
        # Without a length the end of the answer is the end of the connection.
        return (status, len(head) + len(END), length, names_release) if length >= 0 else None

    def _read(self, line: bytes) -> Line:
        spelled, _, text = line.partition(b":")
        kind = VARYING.get(spelled)
        if kind is not None:
            return _ODD if text.translate(None, TEXT) else (kind, text.strip(b" \t"), 0)
        found = _LINE.fullmatch(line)
        if found is None:
            return _ODD
        name, value = found[1].lower(), found[2].rstrip(b" \t")
        read = _meaning(name, value)
        if read[0] not in (DROPPED, ODD):
            self._remember(line, read)
        return read

    def _read_first(self, line: bytes) -> tuple[bytes, bytes] | None:
        """Method and target of a request line."""
        found = _REQUEST.fullmatch(line)
        if found is None:
            return None
        if len(line) <= LONGEST_REMEMBERED and b"?" not in line:
            if len(self._firsts) >= REMEMBERED_LINES:
                self._firsts.clear()
            self._firsts[line] = (found[1], found[2])
        return (found[1], found[2])

    def _read_status(self, line: bytes) -> int:
        """The status; 0 if the line is none, or says that no body follows whatever the length."""
        found = _STATUS.fullmatch(line)
        if found is None or found[1] in (b"204", b"304"):
            return 0
        if len(self._statuses) < REMEMBERED_STATUSES:
            self._statuses[line] = int(found[1])
        return int(found[1])

    def _remember(self, line: bytes, read: Line) -> None:
        if len(line) > LONGEST_REMEMBERED:
            return
        if len(self._known) >= REMEMBERED_LINES:
            self._known.clear()
        self._known[line] = read


def _answer_source(before: bytes, between: bytes) -> bytes:
    name, length = rb"[0-9A-Za-z]{%d}" % ID_LENGTH, rb"(0|[1-9][0-9]{0,%d})" % (LONGEST_LENGTH - 1)
    return re.escape(before) + name + re.escape(between) + length + rb"\r\n\r\n"


def _meaning(name: bytes, value: bytes) -> Line:
    if name == b"content-length":
        if not value.isdigit() or len(value) > LONGEST_LENGTH:
            return _ODD
        return (LENGTH, value, int(value))
    if name == b"connection":
        options = {option.strip().lower() for option in value.split(b",")}
        if options == {b"close"}:
            return (CLOSE, value, 0)
        return (KEEP, value, 0) if options == {b"keep-alive"} else _ODD
    if name == b"expect":
        return (CONTINUE, value, 0) if value.lower() == b"100-continue" else _ODD
    if name in HOP_BY_HOP:
        return _ODD
    return (_KINDS.get(name, PLAIN), value, 0)
