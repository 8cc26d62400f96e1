"""The files of an image as a value: by path, with mode, owner and content."""

import fnmatch
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from goldenpath.errors import InvalidInput, VerificationError

MAX_FILES = 100_000
MAX_FILE = 1 << 30
"""Bytes of the largest file of an image."""

FileContent = bytes | Path
"""The bytes of a file, or the file on this machine that has them."""


@dataclass(frozen=True, slots=True)
class TreeFile:
    """A file, a folder or a symbolic link of an image."""

    mode: int
    content: FileContent = b""
    target: str = ""
    """Where a symbolic link points; empty for anything else."""
    is_folder: bool = False
    user: int = 0
    group: int = 0


FileTree = Mapping[str, TreeFile]
"""Files by their path in the image, without a leading slash."""


def folder(mode: int = 0o755, user: int = 0, group: int = 0) -> TreeFile:
    """Return a folder."""
    return TreeFile(mode, is_folder=True, user=user, group=group)


def check_tree_path(path: str) -> None:
    """Raise `VerificationError` for a path that would leave the image, or that no file has."""
    parts = path.split("/")
    if not path.isprintable() or any(part in ("", ".", "..") for part in parts):
        raise VerificationError(f"path {path[:300]!r} is not allowed in an image")


def merged(trees: Iterable[FileTree]) -> dict[str, TreeFile]:
    """Return the files of all trees. Raises `VerificationError` if two differ about a file."""
    result: dict[str, TreeFile] = {}
    for tree in trees:
        for path, file in tree.items():
            before = result.get(path)
            if before is not None and before != file and not _are_folders(before, file):
                raise VerificationError(f"two packages bring different files {path}")
            result[path] = file
    if len(result) > MAX_FILES:
        raise InvalidInput(f"an image has {len(result)} files: expected at most {MAX_FILES}")
    return result


def without(tree: FileTree, patterns: Iterable[str]) -> dict[str, TreeFile]:
    """Return the tree without files whose path fits a pattern; `*` also fits slashes."""
    left_out = tuple(patterns)
    return {
        path: file
        for path, file in tree.items()
        if not any(fnmatch.fnmatchcase(path, pattern) for pattern in left_out)
    }


def with_folders(tree: FileTree) -> dict[str, TreeFile]:
    """Return the tree with every folder above a file, in the order of paths."""
    missing = {
        str(above): folder()
        for path in tree
        for above in PurePosixPath(path).parents
        if str(above) != "." and str(above) not in tree
    }
    whole = {**tree, **missing}
    return {path: whole[path] for path in sorted(whole)}


def tree_below(root: Path, prefix: str) -> dict[str, TreeFile]:
    """Return the files below a folder of this machine as `prefix/...`, owned by root.

    Modes become 0755 or 0644, since those of this machine depend on its settings.
    """
    return {
        f"{prefix}/{path.relative_to(root).as_posix()}": TreeFile(_mode(path), path)
        for path in _regular_files(root)
    }


def _regular_files(root: Path) -> Iterator[Path]:
    for path in sorted(root.rglob("*")):
        if path.is_symlink():
            raise InvalidInput(f"{path} is a link: expected a file")
        if path.is_file():
            yield path


def _mode(path: Path) -> int:
    return 0o755 if path.stat().st_mode & 0o100 else 0o644


def moved(tree: FileTree, before: str, after: str) -> dict[str, TreeFile]:
    """Return the tree with what is below `before` below `after` instead."""
    return {
        after + path.removeprefix(before) if path.startswith(before + "/") else path: file
        for path, file in tree.items()
    }


def _are_folders(one: TreeFile, other: TreeFile) -> bool:
    return one.is_folder and other.is_folder


def owned(file: TreeFile, user: int, group: int) -> TreeFile:
    """Return the file with another owner."""
    return replace(file, user=user, group=group)
