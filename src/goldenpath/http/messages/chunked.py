"""Chunked bodies (RFC 9112, section 7.1): parsed strictly and in bounded memory.

Lines end with CR and LF. Extensions and trailers are checked, bounded and otherwise ignored.
"""

import re

from goldenpath.http.messages.heads import BadMessage

LONGEST_LINE = 1024
"""Bytes of the line before a chunk, or of one line of the trailer."""
LONGEST_TRAILER = 8192
_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED = rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"'
# An extension has a name and perhaps a value (RFC 9112, 7.1.1). Space around them is not taken.
_SIZE = re.compile(
    rb"([0-9A-Fa-f]{1,16})(?:;" + _TOKEN + rb"(?:=(?:" + _TOKEN + rb"|" + _QUOTED + rb"))?)*"
)
_TRAILER = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t -~\x80-\xff]*")
_LINE_END = b"\r\n"


class ChunkedReader:
    """A parser of one body: size lines, chunks and the trailer, piece by piece."""

    __slots__ = ("_in_trailer", "_missing", "_part", "_room", "is_over", "rest")

    def __init__(self, room: int) -> None:
        """`room` is the limit of bytes outside the chunks (size lines and trailer)."""
        self.is_over = False
        self.rest = b""
        """The bytes after the body, once it is complete."""
        self._missing = 0
        """Outstanding bytes of the chunk and its line end."""
        self._part = b""
        """The incomplete beginning of a line or line end."""
        self._in_trailer = False
        self._room = room

    def feed(self, data: bytes) -> bytes:
        """Return the bytes of the body in `data`. Raises `BadMessage` if they are malformed."""
        if self._part:
            data, self._part = self._part + data, b""
        pieces: list[bytes] = []
        place, end = 0, len(data)
        while place < end and not self.is_over:
            if self._missing > len(_LINE_END):
                piece = data[place : place + self._missing - len(_LINE_END)]
                pieces.append(piece)
                place += len(piece)
                self._missing -= len(piece)
                continue
            line_end = data.find(_LINE_END, place)
            if line_end < 0:
                self._keep(data[place:])
                break
            if self._missing:
                if line_end != place:
                    raise BadMessage(400, "a chunk is longer than it says")
                self._missing = 0
            else:
                self._read_line(data[place:line_end])
            place = line_end + len(_LINE_END)
        if self.is_over:
            self.rest = data[place:]
        return b"".join(pieces)

    def _keep(self, part: bytes) -> None:
        if self._missing and part != b"\r":
            raise BadMessage(400, "a chunk is longer than it says")
        if len(part) > LONGEST_LINE or b"\n" in part:
            self._refuse()
        self._part = part

    def _read_line(self, line: bytes) -> None:
        self._room -= len(line) + 2 * len(_LINE_END)
        if self._room < 0:
            raise BadMessage(413, "the body is too large for what is in its chunks")
        if len(line) > LONGEST_LINE:
            self._refuse()
        if not self._in_trailer:
            size_line = _SIZE.fullmatch(line)
            if size_line is None:
                raise BadMessage(400, "a chunk does not begin with its size")
            size = int(size_line[1], 16)
            self._missing = size + len(_LINE_END) if size else 0
            self._in_trailer = not size
            self._room = self._room if size else min(self._room, LONGEST_TRAILER)
        elif not line:
            self.is_over = True
        elif _TRAILER.fullmatch(line) is None:
            raise BadMessage(400, "the trailer of the body is not valid")

    def _refuse(self) -> None:
        what = "trailer" if self._in_trailer else "line before a chunk"
        raise BadMessage(431 if self._in_trailer else 400, f"the {what} is too long or broken")
