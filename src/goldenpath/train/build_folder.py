"""A separate work folder for each build, and the removal of folders that killed builds left.

A process that survives a killed build therefore cannot disturb the next build. A build locks its
folder as long as it runs. The next build removes folders that are not locked.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from goldenpath.files import locked, take_lock


@contextmanager
def build_folder(builds: Path, name: str) -> Iterator[Path]:
    """Yield a new folder below `builds`. It is removed at the end."""
    builds.mkdir(parents=True, exist_ok=True)
    with locked(builds / "lock"):
        _sweep(builds)
        folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=builds))
        held = _open(folder.with_suffix(".lock"))
        take_lock(held)
    try:
        yield folder
    finally:
        # If a program of the project made files read-only, the next build tries again.
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
