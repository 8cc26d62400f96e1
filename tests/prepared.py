"""Folders with which many tests begin. Each process makes one once, and then copies it.

Who sets up a platform starts git about fifty times. A copy has the same files in some milliseconds.
"""

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from stat import S_IMODE, S_ISDIR
from typing import TypeVar, cast

Answer = TypeVar("Answer")
FileStat = tuple[int, int, int]
"""Mode, size and time; the latter two are 0 for a folder."""

_made: dict[Hashable, Path] = {}
_acted: dict[Hashable, tuple["FolderChange", object]] = {}


def copy_prepared(key: Hashable, folder: Path, make: Callable[[Path], None]) -> None:
    """Copies to `folder` what `make` writes into an empty folder; `key` is what that depends on."""
    if key not in _made:
        place = Path(tempfile.mkdtemp(dir=_shelf()))
        make(place)
        _made[key] = place
    shutil.copytree(_made[key], folder, symlinks=True, dirs_exist_ok=True)


def act_once(key: Hashable, folder: Path, act: Callable[[], Answer]) -> Answer:
    """What `act` returns and leaves in `folder`; `key` and the files say what that depends on.

    Many tests begin with the same promotion. It happens once in a process; whoever has the same
    files and asks for the same gets the files that it left.
    """
    before = _listing(folder)
    whole = (key, tuple(sorted(before.items())))
    if whole in _acted:
        change, answer = _acted[whole]
        change.apply(folder)
        return cast("Answer", answer)
    made = act()
    after = _listing(folder)
    new = {path: stat for path, stat in after.items() if before.get(path) != stat}
    contents = {
        path: b"" if S_ISDIR(mode) else (folder / path).read_bytes()
        for path, (mode, _, _) in new.items()
    }
    gone = tuple(path for path in before if path not in after)
    _acted[whole] = (FolderChange(new, contents, gone), made)
    return made


@dataclass(frozen=True, slots=True)
class FolderChange:
    """What an act did to the files of a folder."""

    new: Mapping[str, FileStat]
    contents: Mapping[str, bytes]
    gone: Sequence[str]

    def apply(self, folder: Path) -> None:
        """Do the same to the files of another folder."""
        for path in self.gone:
            if (folder / path).is_dir():
                shutil.rmtree(folder / path)
            else:
                (folder / path).unlink(missing_ok=True)
        for path, (mode, _, time) in sorted(self.new.items()):
            if S_ISDIR(mode):
                (folder / path).mkdir(exist_ok=True)
                continue
            (folder / path).unlink(missing_ok=True)
            (folder / path).write_bytes(self.contents[path])
            (folder / path).chmod(S_IMODE(mode))
            os.utime(folder / path, ns=(time, time))


def _listing(folder: Path, below: str = "") -> dict[str, FileStat]:
    """All files and folders; a copy of a file has the time of the file. No road has a link."""
    found: dict[str, FileStat] = {}
    with os.scandir(folder / below) as entries:
        for entry in entries:
            stat, path = entry.stat(follow_symlinks=False), f"{below}{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                found[path] = (stat.st_mode, 0, 0)
                found |= _listing(folder, f"{path}/")
            else:
                found[path] = (stat.st_mode, stat.st_size, stat.st_mtime_ns)
    return found


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
