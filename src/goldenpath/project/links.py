"""Links in a project. They are never followed, because a link may point at a key.

A link is an entry of the file system that names another one. What a link names is decided by the
machine that reads it, so it is part of no commit.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from goldenpath.errors import InvalidInput
from goldenpath.parsers.fault import Fault

READ_FILES = ("goldenpath.toml", "pyproject.toml", "uv.lock")
"""Files of a project that we read."""
READ_FOLDERS = ("compliance", "src")
"""Folders of a project that we read, or pack into a release."""
_MAX_ENTRIES = 100_000
_CURE = "replace the link by a copy of the file, and commit it"


def link_faults(root: Path) -> Iterator[Fault]:
    """Yield each link among the files of a project that we read or pack."""
    for name in READ_FILES:
        if (root / name).is_symlink():
            yield _fault(name)
    for name in READ_FOLDERS:
        if (root / name).is_symlink():
            yield _fault(name)
        elif (root / name).is_dir():
            for link in links_below(root / name):
                yield _fault(link.relative_to(root).as_posix())


def links_below(folder: Path) -> Iterator[Path]:
    """Yield each link and special file below a folder, without following any.

    Raises `InvalidInput` if the folder has too many entries.
    """
    waiting, number = [folder], 0
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                number += 1
                if number > _MAX_ENTRIES:
                    raise InvalidInput(f"{folder} has more than {_MAX_ENTRIES} entries")
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(Path(entry.path))
                elif not entry.is_file(follow_symlinks=False):
                    yield Path(entry.path)


def first_link(root: Path, path: str) -> str | None:
    """Return the first link on the way from `root` to `path`; None if there is none."""
    place = root
    for part in Path(path).parts:
        place = place / part
        if place.is_symlink():
            return place.relative_to(root).as_posix()
    return None


def refuse_links(root: Path) -> None:
    """Raise `InvalidInput` that lists the links among the files that we read or pack."""
    faults = tuple(link_faults(root))
    if faults:
        listed = "; ".join(str(fault) for fault in faults[:20])
        raise InvalidInput(f"{root} has links: {listed}", hint=_CURE)


def _fault(name: str) -> Fault:
    return Fault(name, "", "a regular file", "a link or a special file", _CURE)
