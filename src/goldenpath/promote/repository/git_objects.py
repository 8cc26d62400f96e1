"""Reads files from git within limits, and the paths that a commit changed.

Whoever can push chooses paths and sizes, so neither is trusted.
"""

from collections.abc import Sequence

from goldenpath.errors import InvalidInput
from goldenpath.promote.repository.git import Git

MAX_FILE = 1024 * 1024
"""The largest file that is read from the repository, in bytes."""


def read_blobs(git: Git, names: Sequence[str], *, stand_in: bool) -> tuple[bytes | None, ...]:
    """Return contents by blob id or `commit:path`, in one call of git; None for a missing file.

    Raises `InvalidInput` for a file that is too large or whose path holds a line break. With
    `stand_in` the result holds a text instead that every reader refuses, different for each file.
    Raises `GitFailed`.
    """
    if not names:
        return ()
    # Git reads the names line by line, and a path may hold a line break.
    large = {name: name for name in names if "\n" in name}
    asked = [name for name in names if name not in large]
    # Sizes first, because git would return a file of any size as a whole.
    for name, found in zip(asked, git.sizes(asked), strict=True):
        if found is not None and found[1] > MAX_FILE:
            large[name] = found[0]
    if large and not stand_in:
        raise InvalidInput(
            f"{min(large)!r} is too large or holds a line break: "
            f"expected at most {MAX_FILE} bytes, and a path of one line"
        )
    small = [name for name in names if name not in large]
    contents = {
        name: found[1] if found is not None and found[0] == "blob" else None
        for name, found in zip(small, git.objects(small), strict=True)
    }
    stand_ins = {name: _stand_in(blob) for name, blob in large.items()}
    return tuple(stand_ins[name] if name in large else contents[name] for name in names)


def changed_paths(git: Git, ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the paths that each commit changed against its first parent. Raises `GitFailed`."""
    result: dict[str, tuple[str, ...]] = dict.fromkeys(ids, ())
    listed = git.run(
        "diff-tree", "--stdin", "--root", "-m", "--first-parent", "-r", "-z",
        "--no-renames", "--raw", stdin="".join(f"{each}\n" for each in ids).encode(),
    )  # fmt: skip
    # A path may look like a commit id, so only the position of a part says what it is: a path
    # follows a part that begins with a colon, and nothing else does.
    commit, is_path = "", False
    for part in listed.decode("utf-8", "replace").split("\0"):
        if is_path:
            result[commit] = (*result[commit], part)
            is_path = False
        elif part.startswith(":"):
            is_path = True
        elif part:
            commit = part
    return result


def _stand_in(blob: str) -> bytes:
    """Return a text that is too large for every reader, and that `is_marked` never passes over."""
    return f"hold: {blob!r} ".encode().ljust(MAX_FILE + 1, b"#")
