"""Reads files from git within limits, and the paths that a commit changed.

Whoever can push chooses paths and sizes, so neither is trusted.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from goldenpath.errors import InvalidInput
from goldenpath.promote.manifests.unreadable_file import unreadable
from goldenpath.promote.repository.git import Git

MAX_FILE = 1024 * 1024
"""The largest file that is read from the repository, in bytes."""
_REGULAR = ("100644", "100755")
_ABSENT = "000000"
IRREGULAR = "!"
"""Begins the name of what is no regular file; no object id and no revision begins with it."""
_KINDS = {"120000": "is a symbolic link", "160000": "is a submodule"}


@dataclass(frozen=True, slots=True)
class ChangedPaths:
    """The paths that a commit changed against its first parent."""

    paths: tuple[str, ...] = ()
    strange: tuple[str, ...] = ()
    """Those that were or are no regular file."""


def irregular(mode: str, identity: str) -> str:
    """Return a name that `read_blobs` takes for a reason; empty for a regular file."""
    return "" if mode in _REGULAR else f"{IRREGULAR}{mode} {identity}"


def read_blobs(git: Git, names: Sequence[str], *, stand_in: bool) -> tuple[bytes | None, ...]:
    """Return contents by blob id or `commit:path`, in one call of git; None for a missing file.

    Raises `InvalidInput` for a file that is too large, is a link or a submodule, or has a line
    break in its path. With `stand_in` the result holds a text instead that every reader refuses,
    different for each file. Raises `GitFailed`.
    """
    if not names:
        return ()
    faults: dict[str, str] = {}
    readable = []
    for name in names:
        # Git reads the names line by line, and a path may hold a line break.
        if "\n" in name:
            faults[name] = "has a path with a line break"
        elif name.startswith(IRREGULAR):
            faults[name] = _KINDS.get(name[1:7], f"has the mode {name[1:7]}")
        else:
            readable.append(name)
    # Sizes first, because git would return a file of any size as a whole.
    for name, entry in zip(readable, git.sizes(readable), strict=True):
        if entry is not None and entry[1] > MAX_FILE:
            faults[name] = f"is too large: expected at most {MAX_FILE} bytes ({entry[0]})"
    if faults and not stand_in:
        name = min(faults)
        raise InvalidInput(f"{name!r} {faults[name]}, expected a file in the gitops repository")
    small = [name for name in readable if name not in faults]
    contents = {
        name: found[1] if found is not None and found[0] == "blob" else None
        for name, found in zip(small, git.objects(small), strict=True)
    }
    return tuple(
        unreadable(faults[name], name) if name in faults else contents[name] for name in names
    )


def changed_paths(git: Git, ids: Sequence[str]) -> dict[str, ChangedPaths]:
    """Return the paths that each commit changed against its first parent. Raises `GitFailed`."""
    paths: dict[str, list[str]] = {each: [] for each in ids}
    strange: dict[str, list[str]] = {each: [] for each in ids}
    listed = git.run(
        "diff-tree", "--stdin", "--root", "-m", "--first-parent", "-r", "-z",
        "--no-renames", "--raw", stdin="".join(f"{each}\n" for each in ids).encode(),
    )  # fmt: skip
    # A path may look like a commit id, so only the position of a part says what it is: a path
    # follows a part that begins with a colon, and nothing else does.
    commit, modes = "", ("", "")
    for part in listed.decode("utf-8", "replace").split("\0"):
        if modes[0]:
            paths[commit].append(part)
            if not set(modes) <= {*_REGULAR, _ABSENT}:
                strange[commit].append(part)
            modes = ("", "")
        elif part.startswith(":"):
            modes = (part[1:7], part[8:14])
        elif part:
            commit = part
    return {each: ChangedPaths(tuple(paths[each]), tuple(strange[each])) for each in ids}
