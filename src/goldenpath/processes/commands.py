"""What the supervisor says to the observer while it works: lines on standard input.

Read without Python's buffer, in which a line could wait that `select` knows nothing of.
"""

import os
import select

from goldenpath.errors import InvalidInput

LONGEST = 1024 * 1024
"""Bytes of the longest line."""


class Commands:
    """The lines of one descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._rest = b""
        self._lines: list[bytes] = []
        self.have_ended = False
        """Whether nobody says anything any more."""

    def first(self) -> bytes:
        """The first line, whenever it comes; what there is of it if that is all."""
        while not self._lines and not self.have_ended:
            self._read()
        return self._lines.pop(0) if self._lines else self._rest

    def within(self, seconds: float) -> list[bytes]:
        """The lines that have come; waits at most `seconds` for one, or for the end."""
        if not self._lines and select.select([self._descriptor], [], [], seconds)[0]:
            self._read()
        lines, self._lines = self._lines, []
        return lines

    def _read(self) -> None:
        read = os.read(self._descriptor, 65536)
        self.have_ended = not read
        *lines, self._rest = (self._rest + read).split(b"\n")
        self._lines += lines
        if len(self._rest) > LONGEST:
            raise InvalidInput(f"a line is too long: expected at most {LONGEST} bytes")
