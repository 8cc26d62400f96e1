"""A share of the disk that is kept for what must be written last: the audit log on a full disk."""

import os
from contextlib import suppress
from pathlib import Path

SIZE = 256 * 1024
"""Bytes of the reserve: some hundred events."""
_STEP = 16 * 1024
"""Bytes that are given up at once. Others write to the disk too and would take the rest."""
_PLENTY = 8 * SIZE
"""The reserve is filled only while the disk has so much more."""


class DiskReserve:
    """A file that only holds space."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def fill(self) -> None:
        """Hold the whole reserve again, if the disk has room for it. Never fails."""
        with suppress(OSError):
            if self._file.exists() and self._file.stat().st_size >= SIZE:
                return
            system = os.statvfs(self._file.parent)
            if system.f_bavail * system.f_frsize < _PLENTY:
                return
            flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            descriptor = os.open(self._file, flags, 0o640)
            try:
                os.posix_fallocate(descriptor, 0, SIZE)
            finally:
                os.close(descriptor)

    def give_up_some(self) -> bool:
        """Free a part of the reserve; return False if nothing is left."""
        try:
            left = self._file.stat().st_size - _STEP
            if left < 0:
                return False
            os.truncate(self._file, left)
        except OSError:
            return False
        return True
