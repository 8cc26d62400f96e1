"""A folder for one build, and an end to what killed builds left behind.

Each build works in a folder of its own, so that a process which outlives a killed build disturbs
nobody. A build holds a lock as long as it lives; the next one removes folders that nobody holds.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from goldenpath.files import locked, take_lock


@contextmanager
def workplace(builds: Path, name: str) -> Iterator[Path]:
    """A new folder below `builds`, removed at the end."""
    builds.mkdir(parents=True, exist_ok=True)
    with locked(builds / "lock"):
        _sweep(builds)
        folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=builds))
        held = _open(folder.with_suffix(".lock"))
        take_lock(held)
    try:
        yield folder
    finally:
        # What a program of the project wrote read-only stays for the next sweep.
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            folder.with_suffix(".lock").unlink(missing_ok=True)
        os.close(held)


def _sweep(builds: Path) -> None:
    for lock in builds.glob("*.lock"):
        descriptor = _open(lock)
        try:
            if not take_lock(descriptor, wait=False):
                continue
            folder = lock.with_suffix("")
            shutil.rmtree(folder, ignore_errors=True)
            if not folder.exists():
                lock.unlink(missing_ok=True)
        finally:
            os.close(descriptor)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
