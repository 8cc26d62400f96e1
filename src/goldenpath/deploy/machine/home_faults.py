"""What of the home cannot be written now, so that serving goes on and says so."""

import os
from collections.abc import Callable
from pathlib import Path

from goldenpath.files import NO_SPACE

LEAST_BYTES = 1024 * 1024
"""With less free space the disk counts as full: a segment of the log takes about as much."""
LEAST_FILES = 16
"""With fewer free inodes too."""


class HomeFaults:
    """The writes that failed when they were tried last. Each is tried again, so all heal."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._faults: dict[str, str] = {}

    def attempt(self, what: str, write: Callable[[], object]) -> None:
        """Write something that serving does not need; a failure is kept until it succeeds."""
        try:
            write()
        except OSError as error:
            why = "its disk is full" if error.errno in NO_SPACE else error.strerror
            self._faults[what] = f"{what} cannot be written: {why}"
        else:
            self._faults.pop(what, None)

    @property
    def message(self) -> str:
        """What is wrong now; empty if nothing is."""
        return "; ".join([*full_disk(self._folder), *self._faults.values()])


def full_disk(folder: Path) -> tuple[str, ...]:
    """Return a sentence if the disk of a folder has no room; a limit or quota may not show."""
    try:
        system = os.statvfs(folder)
    except OSError as error:
        return (f"{folder} cannot be used: {error.strerror}",)
    free = system.f_bavail * system.f_frsize
    if free < LEAST_BYTES:
        return (f"the disk of {folder} is full: {free // 1024} KiB are free",)
    # Some file systems have no fixed number of inodes and report none at all.
    if system.f_files and system.f_favail < LEAST_FILES:
        return (f"the disk of {folder} is full: {system.f_favail} inodes are free",)
    return ()
