"""Reads files and folders from git within limits, and the paths that a commit changed.

Whoever can push chooses paths and sizes, so neither is trusted.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from goldenpath.errors import InvalidInput, NotFound
from goldenpath.promote.manifests.unreadable_file import unreadable
from goldenpath.promote.repository.git import Git, GitFailed

MAX_FILE = 1024 * 1024
"""The largest file that is read from the repository, in bytes."""
_AT_ONCE = 4 * MAX_FILE
"""Bytes that are read without asking for sizes first."""
_KEPT_FILE, _MOST_KEPT = 32 * 1024, 512
"""Size of the largest object that is remembered, and the number of objects."""
_FEW_PATHS = 64
"""What a commit changed is remembered if it is at most so many paths."""
_FIXED_NAME = re.compile(r"[0-9a-f]{40,64}(:.+)?", re.DOTALL)
"""An object id, or a path in a commit: it names the same bytes for ever."""
_REGULAR = ("100644", "100755")
_ABSENT = "000000"
IRREGULAR = "!"
"""Begins the name of what is no regular file; no object id and no revision begins with it."""
_FOLDER = "40000"
_KINDS = {"120000": "is a symbolic link", "160000": "is a submodule"}


@dataclass(frozen=True, slots=True)
class ChangedPaths:
    """The paths that a commit changed against any of its parents."""

    paths: tuple[str, ...] = ()
    strange: tuple[str, ...] = ()
    """Those that were or are no regular file."""


class ObjectReader:
    """Reads objects of one repository, and remembers small ones: their names are digests.

    What a reader `before` this one remembers is used too, and not changed.
    """

    def __init__(self, git: Git, before: "ObjectReader | None" = None) -> None:
        self.git = git
        self._known: dict[str, tuple[str, bytes]] = {} if before is None else dict(before._known)
        self._changed: dict[str, ChangedPaths] = {} if before is None else dict(before._changed)

    def learn(self, other: "ObjectReader") -> None:
        """Remember what another reader read, whose objects are all in our repository now."""
        self._known |= other._known
        self._changed |= other._changed
        self._forget()

    def changed(self, commits: Sequence[str]) -> Mapping[str, ChangedPaths]:
        """Return the paths that each commit changed. Raises `GitFailed`."""
        unknown = [commit for commit in commits if commit not in self._changed]
        found = _changed_paths(self.git, unknown) if unknown else {}
        result = {each: found[each] if each in found else self._changed[each] for each in commits}
        self._changed |= {
            commit: changed
            for commit, changed in found.items()
            if _FIXED_NAME.fullmatch(commit) and len(changed.paths) <= _FEW_PATHS
        }
        self._forget()
        return result

    def small(self, names: Sequence[str]) -> list[tuple[str, bytes] | None] | None:
        """Return type and content of each object, in order; None for one that is not there.

        Returns None if one may be larger than `MAX_FILE`, or all together are large, or git fails:
        then ask for the sizes first.
        """
        unknown = [name for name in names if name not in self._known]
        found: dict[str, tuple[str, bytes] | None] = {}
        if unknown:
            try:
                found = dict(zip(unknown, self.git.objects(unknown, largest=_AT_ONCE), strict=True))
            except GitFailed:
                return None  # whoever asks for the sizes learns why
        if any(each is not None and len(each[1]) > MAX_FILE for each in found.values()):
            return None
        result = [self._known[name] if name in self._known else found[name] for name in names]
        self._keep(found)
        return result

    def objects(self, names: Sequence[str]) -> list[tuple[str, bytes] | None]:
        """Return what `small` does, whatever the sizes are. Raises `GitFailed`."""
        found = self.small(names)
        return list(self.git.objects(names)) if found is None else found

    def _keep(self, found: dict[str, tuple[str, bytes] | None]) -> None:
        for name, each in found.items():
            # A missing object may arrive.
            if each is not None and len(each[1]) <= _KEPT_FILE and _FIXED_NAME.fullmatch(name):
                self._known[name] = each
        self._forget()

    def _forget(self) -> None:
        for kept in (self._known, self._changed):
            while len(kept) > _MOST_KEPT:
                del kept[next(iter(kept))]


def irregular(mode: str, identity: str) -> str:
    """Return a name that `read_blobs` takes for a reason; empty for a regular file."""
    return "" if mode in _REGULAR else f"{IRREGULAR}{mode} {identity}"


def read_blobs(
    reader: ObjectReader, names: Sequence[str], *, stand_in: bool
) -> tuple[bytes | None, ...]:
    """Return contents by blob id or `commit:path`; None for a missing file.

    Raises `InvalidInput` for a file that is too large, is a link or a submodule, or has a line
    break in its path. With `stand_in` the result holds a text instead that every reader refuses,
    different for each file. Raises `GitFailed`.
    """
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
    objects = reader.small(readable)
    if objects is None:
        # Sizes first, because git would return a file of any size as a whole.
        for name, entry in zip(readable, reader.git.sizes(readable), strict=True):
            if entry is not None and entry[1] > MAX_FILE:
                faults[name] = f"is too large: expected at most {MAX_FILE} bytes ({entry[0]})"
        readable = [name for name in readable if name not in faults]
        objects = list(reader.git.objects(readable))
    if faults and not stand_in:
        name = min(faults)
        raise InvalidInput(f"{name!r} {faults[name]}, expected a file in the gitops repository")
    contents = {
        name: entry[1] if entry is not None and entry[0] == "blob" else None
        for name, entry in zip(readable, objects, strict=True)
    }
    return tuple(
        unreadable(faults[name], name) if name in faults else contents[name] for name in names
    )


def refuse_large_commits(reader: ObjectReader, ids: Sequence[str]) -> None:
    """Raise `InvalidInput` if a commit object is too large. Raises `GitFailed`."""
    if reader.small(ids) is not None:
        return
    for commit, entry in zip(ids, reader.git.sizes(ids), strict=True):
        if entry is not None and entry[1] > MAX_FILE:
            raise InvalidInput(f"commit {commit[:12]} is larger than {MAX_FILE} bytes")


def read_folders(reader: ObjectReader, names: Sequence[str]) -> tuple[Mapping[str, bytes], ...]:
    """Return the files in each folder `commit:path` by name, without folders in it.

    A path that is no folder has no files. A file that cannot be read is replaced as `read_blobs`
    does it. Raises `InvalidInput` for a folder that is too large, and `GitFailed`.
    """
    asked = [name for name in dict.fromkeys(names) if "\n" not in name]
    objects = reader.small(asked)
    if objects is None:
        for name, size in zip(asked, reader.git.sizes(asked), strict=True):
            if size is not None and size[1] > MAX_FILE:
                raise InvalidInput(f"the folder {name!r} has too many entries")
        objects = list(reader.git.objects(asked))
    trees = dict(zip(asked, objects, strict=True))
    found = {
        name: dict(_tree_entries(tree[1], len(name.partition(":")[0]) // 2))
        for name, tree in trees.items()
        if tree is not None and tree[0] == "tree"
    }
    blobs = list(dict.fromkeys(blob for files in found.values() for blob in files.values()))
    contents = dict(zip(blobs, read_blobs(reader, blobs, stand_in=True), strict=True))
    return tuple(
        {file: contents[blob] or b"" for file, blob in found.get(name, {}).items()}
        for name in names
    )


def merge_bases(git: Git, one: str, other: str) -> tuple[str, ...]:
    """Return the newest commits that both lines have. Raises `GitFailed`."""
    try:
        return tuple(git.run("merge-base", "--all", one, other).decode().split())
    except GitFailed as error:
        # Exit code 1 without a word is "none"; with words git could not find out.
        if error.words:
            raise
        return ()


def is_ancestor(git: Git, ancestor: str, commit: str) -> bool:
    """Whether a commit is another one or in its history. Raises `NotFound`."""
    try:
        git.run("merge-base", "--is-ancestor", ancestor, commit)
    except GitFailed as error:
        if error.words:
            raise NotFound(f"commit {ancestor[:12]} or {commit[:12]} is not known") from error
        return False
    return True


def _tree_entries(tree: bytes, length: int) -> Iterator[tuple[str, str]]:
    """Yield name and blob id of each file; `length` is that of an object id in bytes."""
    position = 0
    while position < len(tree):
        end = tree.index(b"\0", position)
        mode, _, name = tree[position:end].partition(b" ")
        position = end + 1 + length
        if mode != _FOLDER.encode():
            kind, blob = mode.decode().zfill(6), tree[end + 1 : position].hex()
            yield name.decode("utf-8", "replace"), irregular(kind, blob) or blob


def _changed_paths(git: Git, ids: Sequence[str]) -> dict[str, ChangedPaths]:
    """Return the paths that each commit changed against any of its parents. Raises `GitFailed`.

    Against all, since whoever merges chooses which parent is the first. Versions of git differ in
    whether they honour `--first-parent` here, so it is left out.
    """
    paths: dict[str, list[str]] = {each: [] for each in ids}
    strange: dict[str, list[str]] = {each: [] for each in ids}
    listed = git.run(
        "diff-tree", "--stdin", "--root", "-m", "-r", "-z", "--no-renames", "--raw",
        stdin="".join(f"{each}\n" for each in ids).encode(),
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
    return {
        each: ChangedPaths(tuple(dict.fromkeys(paths[each])), tuple(dict.fromkeys(strange[each])))
        for each in ids
    }
