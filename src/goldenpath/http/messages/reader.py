"""The one reader of HTTP/1.1 heads: of requests and of answers, for servers and for clients.

It accepts only unambiguous messages and refuses all others (RFC 9112, sections 6 and 11.2).
Most lines of a head are the same in each request of a client and in each answer of a server, so a
parsed line is cached. `tests/http/messages/test_reader.py` compares the reader
with llhttp and names every message that llhttp accepts and this reader does not.
"""

import re
from typing import Final

from goldenpath.http.messages.heads import (
    CHUNKED,
    END,
    HOP_BY_HOP,
    UNTIL_CLOSE,
    AnswerHead,
    BadMessage,
    FieldRules,
    RequestHead,
    connection_options,
)

LONGEST_LENGTH = 12
"""Digits of the longest Content-Length."""
REMEMBERED_LINES = 1024
LONGEST_REMEMBERED = 200
"""Bytes of the longest cached line; longer ones seldom repeat."""
METHODS = frozenset({b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"PATCH", b"OPTIONS", b"TRACE"})
_NAMED = sorted(method.decode() for method in METHODS)

# Kinds of lines. Plain integers: comparing an enumeration would double the cost.
_PLAIN: Final = 0
_WANTED: Final = 1
_LENGTH: Final = 2
_CONNECTION: Final = 3
_CODING: Final = 4
_EXPECT: Final = 5
_DROPPED: Final = 6
_HIDDEN: Final = 7
"""Kept for the application, and not passed on."""

_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t -~\x80-\xff]*)")
_REQUEST = re.compile(rb"([A-Z]{3,7}) ([!-~]+) HTTP/1\.([01])")
_BEGINNING = re.compile(rb"[A-Z]{1,7}(?: [!-~]*(?: [ -~]{0,8}\r?)?)?")
_STATUS = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9][0-9])(?: [\t -~\x80-\xff]*)?")
_ABSOLUTE = re.compile(rb"(?i:https?)://([^/?@]+)([/?].*)?")
_HOST = re.compile(rb"[A-Za-z0-9\-._~%!$&'()*+,;=:\[\]]*")

Line = tuple[int, bytes, bytes]
"""A parsed line: its kind, the name of its field in lower case, and its value."""


class _Lines:
    """A bounded cache of parsed header lines; a line means the same for every client."""

    def __init__(self, rules: FieldRules) -> None:
        self._rules = rules
        self._known: dict[bytes, Line] = {}
        self.get = self._known.get

    def read(self, line: bytes) -> Line:
        """Return the parsed line. Raises `BadMessage` if it is not a header line."""
        field_line = _LINE.fullmatch(line)
        if field_line is None:
            raise BadMessage(
                400, "a header line is not valid: expected a name, a colon and a value"
            )
        name, value = field_line[1].lower(), field_line[2].rstrip(b" \t")
        read = (self._kind(name), name, value)
        if len(line) <= LONGEST_REMEMBERED:
            if len(self._known) >= REMEMBERED_LINES:
                self._known.clear()
            self._known[line] = read
        return read

    def _kind(self, name: bytes) -> int:
        if name in self._rules.wanted:
            return _HIDDEN if name in self._rules.dropped else _WANTED
        special = {
            b"content-length": _LENGTH,
            b"connection": _CONNECTION,
            b"transfer-encoding": _CODING,
            b"expect": _EXPECT,
        }
        is_dropped = name in HOP_BY_HOP or name in self._rules.dropped
        return special.get(name, _DROPPED if is_dropped else _PLAIN)


class _Framing:
    """The fields that set the length of a message and the fate of its connection."""

    __slots__ = ("coding", "expectation", "length", "options")

    def __init__(self) -> None:
        self.length = -1
        self.coding: bytes | None = None
        self.expectation = b""
        self.options: set[bytes] = set()

    def add(self, kind: int, value: bytes) -> None:
        """Add one field. Raises `BadMessage` if it contradicts another one."""
        if kind == _CONNECTION:
            self.options |= connection_options(value)
        elif kind == _LENGTH:
            if self.length >= 0:
                raise BadMessage(400, "the header content-length is given twice")
            if not value.isdigit() or len(value) > LONGEST_LENGTH:
                raise BadMessage(
                    400,
                    "content-length is not a number of bytes: expected digits",
                )
            self.length = int(value)
        elif kind == _CODING:
            if self.coding is not None:
                raise BadMessage(400, "the header transfer-encoding is given twice")
            self.coding = value.lower()
        elif kind == _EXPECT:
            self.expectation = value.lower()
            if self.expectation != b"100-continue":
                raise BadMessage(417, "expected the expectation 100-continue")

    def body(self) -> int | None:
        """Return the bytes of the body, `CHUNKED`, or None if no field states it."""
        if self.coding is None:
            return self.length if self.length >= 0 else None
        if self.length >= 0:
            raise BadMessage(400, "both content-length and transfer-encoding are given")
        if self.coding != b"chunked":
            raise BadMessage(501, "the transfer-encoding is not supported: expected chunked")
        return CHUNKED


class RequestReader:
    """A parser of request heads for one server."""

    def __init__(self, rules: FieldRules, *, longest: int, most: int) -> None:
        """`longest` is the largest head in bytes, `most` the largest number of its header lines."""
        self.longest = longest
        self.rules = rules
        self._most = most
        self._wanted = rules.wanted | {b"host"}
        self._lines = _Lines(FieldRules(self._wanted, rules.dropped))

    def find_end(self, data: bytes) -> int:
        """Where the head ends that `data` begins with, without its empty line; -1 if not yet.

        Raises `BadMessage` if the data cannot become a head, or are already too large.
        """
        end = data.find(END)
        if end < 0:
            self._check_beginning(data)
        elif end > self.longest:
            self._refuse_size(data[:end])
        return end

    def read(self, head: bytes) -> RequestHead:
        """Return the request of a head without its empty line. Raises `BadMessage`."""
        first, *lines = head.split(b"\r\n")
        method, target, minor = _request_line(first)
        if len(lines) > self._most:
            raise BadMessage(431, f"the head is too large: expected at most {self._most} headers")
        fields: dict[bytes, bytes] = {}
        kept: list[bytes] = []
        framing = None
        known = self._lines.get
        for line in lines:
            kind, name, value = known(line) or self._lines.read(line)
            if kind == _PLAIN:
                kept.append(line)
            elif kind in (_WANTED, _HIDDEN):
                if name in fields:
                    raise BadMessage(400, f"the header {name.decode()} is given twice")
                fields[name] = value
                if kind == _WANTED:
                    kept.append(line)
            elif kind != _DROPPED:
                framing = framing or _Framing()
                framing.add(kind, value)
        _check_host(fields.get(b"host"), is_modern=bool(minor))
        if not target.startswith(b"/"):
            target = _absolute(method, target, fields, kept)
        request = RequestHead(method, target, fields, 0, bool(minor), False, kept)
        if framing is not None:
            self._frame(request, framing, is_modern=bool(minor))
        return request

    def _frame(self, request: RequestHead, framing: _Framing, *, is_modern: bool) -> None:
        length, options = framing.body(), framing.options
        if length == CHUNKED and not is_modern:
            raise BadMessage(400, "HTTP/1.0 knows no transfer-encoding")
        request.length = length or 0
        request.keep_alive = is_modern and b"close" not in options
        request.expects = is_modern and bool(framing.expectation) and length not in (None, 0)
        named = options - HOP_BY_HOP - {b"close"}
        if named:
            # Otherwise a client could remove a field on which the next server decides.
            values = named & self._wanted
            if values:
                name = min(values).decode()
                raise BadMessage(400, f"the header {name} is not for one connection only")
            request.lines = [
                line for line in request.lines if line.partition(b":")[0].lower() not in named
            ]

    def _check_beginning(self, data: bytes) -> None:
        if len(data) > self.longest + len(END):
            self._refuse_size(data)
        first, ended, lines = data.partition(b"\r\n")
        if ended:
            _request_line(first)
        elif _BEGINNING.fullmatch(first) is None:
            raise BadMessage(
                400, "the request line is not valid: expected method, target and version"
            )
        if lines and not data.endswith(b"\r") and lines.count(b"\n") != lines.count(b"\r"):
            raise BadMessage(400, "a header line does not end with CR and LF")
        if lines.count(b"\r\n") > self._most:
            raise BadMessage(431, f"the head is too large: expected at most {self._most} headers")

    def _refuse_size(self, data: bytes) -> None:
        if b"\r\n" in data[: self.longest]:
            raise BadMessage(431, f"the head is too large: expected at most {self.longest} bytes")
        raise BadMessage(414, f"the target is too long: expected at most {self.longest} bytes")


class AnswerReader:
    """A parser of answer heads from one server."""

    def __init__(self, *, longest: int, most: int) -> None:
        self.longest = longest
        self._most = most
        self._lines = _Lines(FieldRules(frozenset()))

    def find_end(self, data: bytes) -> int:
        """Where the head ends that `data` begins with, without its empty line; -1 if not yet."""
        end = data.find(END)
        if end > self.longest or (end < 0 and len(data) > self.longest + len(END)):
            raise BadMessage(502, "the head of the answer is too large")
        if end < 0 and not b"HTTP/1.".startswith(data[:7]):
            raise BadMessage(502, "the status line is not valid")
        return end

    def read(self, head: bytes, method: bytes) -> AnswerHead:
        """Return the answer to a request of `method` with this head. Raises `BadMessage`."""
        first, *lines = head.split(b"\r\n")
        status_line = _STATUS.fullmatch(first)
        if status_line is None or len(lines) > self._most:
            raise BadMessage(502, "the status line is not valid")
        status, is_modern = int(status_line[2]), status_line[1] == b"1"
        if status == 101:
            raise BadMessage(502, "the server changes the protocol without a request for it")
        fields: list[tuple[bytes, bytes]] = []
        framing, is_plain = _Framing(), is_modern
        for line in lines:
            kind, name, value = self._lines.get(line) or self._lines.read(line)
            fields.append((name, value))
            if kind != _PLAIN:
                is_plain = is_plain and kind == _LENGTH
                if kind in (_LENGTH, _CODING, _CONNECTION):
                    framing.add(kind, value)
        length = framing.body()
        if status < 200 or status in (204, 304) or method == b"HEAD":
            is_plain = is_plain and method == b"HEAD"
            length = 0  # RFC 9112, section 6.3: no body follows, whatever the fields say
        elif length is None:
            length, is_plain = UNTIL_CLOSE, False
        if length == CHUNKED and not is_modern:
            raise BadMessage(502, "HTTP/1.0 knows no transfer-encoding")
        keep_alive = is_modern and b"close" not in framing.options and length != UNTIL_CLOSE
        return AnswerHead(status, len(head) + len(END), length, keep_alive, fields, is_plain)


def _request_line(line: bytes) -> tuple[bytes, bytes, int]:
    matched = _REQUEST.fullmatch(line)
    if matched is None or b"#" in matched[2]:
        raise BadMessage(400, "the request line is not valid: expected method, target and version")
    if matched[1] not in METHODS:
        raise BadMessage(400, f"the method is not known: expected one of {', '.join(_NAMED)}")
    return matched[1], matched[2], int(matched[3])


def _check_host(host: bytes | None, *, is_modern: bool) -> None:
    if host is None:
        if is_modern:
            raise BadMessage(400, "the header host is missing")
    elif _HOST.fullmatch(host) is None:
        raise BadMessage(400, "host is not a name and a port")


def _absolute(method: bytes, target: bytes, fields: dict[bytes, bytes], kept: list[bytes]) -> bytes:
    """Return path and query of an absolute target, whose host replaces the field `Host`."""
    if target == b"*" and method == b"OPTIONS":
        return target
    parts = _ABSOLUTE.fullmatch(target)
    if parts is None or _HOST.fullmatch(parts[1]) is None:
        raise BadMessage(400, "the target is not a path, and no address of http")
    # RFC 9112, section 3.2.2: the field Host is ignored, and replaced when forwarded.
    fields[b"host"] = parts[1]
    kept[:] = [line for line in kept if line[:5].lower() != b"host:"]
    kept.append(b"host: " + parts[1])
    rest = parts[2] or b"/"
    return rest if rest.startswith(b"/") else b"/" + rest
