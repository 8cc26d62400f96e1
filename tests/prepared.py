"""Folders with which many tests begin. Each process makes one once, and then copies it.

Who sets up a platform starts git about fifty times. A copy has the same files in some milliseconds.
"""

import atexit
import shutil
import tempfile
from collections.abc import Callable, Hashable
from functools import cache
from pathlib import Path

_made: dict[Hashable, Path] = {}


def copy_prepared(key: Hashable, folder: Path, make: Callable[[Path], None]) -> None:
    """Copies to `folder` what `make` writes into an empty folder; `key` is what that depends on."""
    if key not in _made:
        place = Path(tempfile.mkdtemp(dir=_shelf()))
        make(place)
        _made[key] = place
    shutil.copytree(_made[key], folder, symlinks=True, dirs_exist_ok=True)


def let_git_hurry(*repositories: Path) -> None:
    """Git syncs no file in these repositories and tidies up after no push: they live for a test."""
    for repository in repositories:
        with (repository / "config").open("a") as config:
            config.write("[core]\n\tfsync = none\n[receive]\n\tautogc = false\n")


@cache
def _shelf() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="goldenpath-prepared-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
