"""Where the folders of tests lie: in memory, where there is room and programs may run.

Tests make and remove hundreds of thousands of small files. ext4 takes no inode again that was
freed a moment ago, and looks at all of these for each new file: a third of a run was this search.
"""

import os
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108 - pytest makes a folder of this user in it
ROOM = 8 << 30
"""Bytes that have to be free there, and as memory. A whole run needs far less."""


def choose(folder: Path = MEMORY, room: int = ROOM) -> None:
    """Let pytest put its folders there, unless the caller chose a place or it does not fit."""
    if fits(folder, room):
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(folder))


def fits(folder: Path, room: int) -> bool:
    """Whether the folder has that many bytes free, programs may run in it, and memory is there."""
    try:
        place = os.statvfs(folder)
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
    except OSError:
        return False
    available = next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    free = min(place.f_bavail * place.f_frsize, available << 10)
    return not place.f_flag & os.ST_NOEXEC and free >= room
