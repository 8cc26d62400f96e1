"""Commands from the supervisor to the observer: lines on standard input.

Python's buffer is not used: `select` would not see a line that waits in it.
"""

import os
import select

from goldenpath.errors import InvalidInput

LONGEST = 1024 * 1024
"""Bytes of the longest line."""


class Commands:
    """A reader of lines from one descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._rest = b""
        self._lines: list[bytes] = []
        self.have_ended = False
        """Whether the other end is closed."""

    def first(self) -> bytes:
        """Return the first line, however late; an incomplete one if the input ends."""
        while not self._lines and not self.have_ended:
            self._read()
        return self._lines.pop(0) if self._lines else self._rest

    def within(self, seconds: float) -> list[bytes]:
        """Return the received lines; waits at most `seconds` for one, or for the end."""
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
