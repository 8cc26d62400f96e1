"""The files that one build uses: those of the commit, copied once into a folder of the build.

Nothing is read from the work tree but what the commit names by its content: data with a pinned
digest, and files of git-lfs with exactly the hash and size of their pointer. The work tree is
compared with the objects of the commit, file by file. Neither the index of git nor its lists of
ignored changes have a say in that.
"""

import hashlib
import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from goldenpath.errors import InvalidInput, Unavailable
from goldenpath.files import open_below
from goldenpath.project.data_digest import MAX_POINTER, LfsPointer, lfs_pointer
from goldenpath.project.links import READ_FILES, READ_FOLDERS
from goldenpath.train.source.project_repository import ProjectRepository

MAX_FILES = 100_000
_MAX_TEXT = 16 * 1024 * 1024
_CHUNK = 1024 * 1024
_FILE, _PROGRAM, _LINK, _SUBMODULE = "100644", "100755", "120000", "160000"
_FOLDER = "040000"


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """One file of the commit."""

    path: str
    """Relative to the project."""
    mode: str
    identity: str
    """The name of its object: a hash of its content."""
    size: int


def committed_files(repository: ProjectRepository) -> tuple[TreeEntry, ...]:
    """Return the files of the project in the commit. Raises `InvalidInput` for links among them.

    Links are refused where we read or pack files. Elsewhere only the project's own programs read
    them, in their sandbox. Raises `VerificationError` if the commit or a folder of it is not what
    its name says: then the files would not be those of the commit.
    """
    tree = f"{repository.commit}:{repository.prefix.rstrip('/')}"
    listing = repository.git("ls-tree", "-r", "-t", "-z", "-l", "--full-tree", tree)
    listed = tuple(_entry(line) for line in listing.split(b"\0") if line)
    entries = tuple(each for each in listed if each.mode != _FOLDER)
    _compare_folders(repository, [each.identity for each in listed if each.mode == _FOLDER])
    if len(entries) > MAX_FILES:
        raise InvalidInput(f"{repository.root} has more than {MAX_FILES} files in its commit")
    for entry in entries:
        if entry.mode == _SUBMODULE:
            raise InvalidInput(
                f"{entry.path} is a submodule: expected files of the commit itself",
                hint="copy its files into the project, or depend on it as a package",
            )
        if entry.mode == _LINK and _is_read(entry.path):
            raise InvalidInput(
                f"{entry.path} is a link: expected a regular file",
                hint="replace the link by a copy of the file, and commit it",
            )
    return entries


def _compare_folders(repository: ProjectRepository, below: Sequence[str]) -> None:
    """Compare the commit, and every folder on the way to its files, with their names."""
    parts = PurePosixPath(repository.prefix).parts
    above = [f"{repository.commit}:{'/'.join(parts[:depth])}" for depth in range(len(parts) + 1)]
    names = [repository.text("rev-parse", "--verify", each) for each in above]
    for chunks in repository.objects(dict.fromkeys((repository.commit, *names, *below))):
        for _ in chunks:
            pass


def uncommitted_changes(
    repository: ProjectRepository, entries: Sequence[TreeEntry]
) -> tuple[str, ...]:
    """Return the files of the project that differ from the commit, with new and missing ones.

    A new file counts unless a `.gitignore` of the project or the user's own list ignores it.
    """
    committed = {entry.path for entry in entries}
    changed = [entry.path for entry in entries if not _is_unchanged(repository, entry)]
    new = [name for name in _listed(repository) if name not in committed]
    return tuple(sorted({*changed, *new}))


def export_commit(
    repository: ProjectRepository,
    entries: Sequence[TreeEntry],
    target: Path,
    left_out: Iterable[str] = (),
) -> None:
    """Write the files of the commit into the new folder `target`, but those `left_out`.

    A pointer of git-lfs becomes the file that it names, if that file is checked out unchanged.
    """
    target.mkdir(parents=True)
    omitted = {PurePosixPath(path) for path in left_out}
    kept = [
        entry
        for entry in entries
        if not omitted & {PurePosixPath(entry.path), *PurePosixPath(entry.path).parents}
    ]
    for entry, content in zip(kept, _contents(repository, kept), strict=True):
        path = target / entry.path
        path.parent.mkdir(parents=True, exist_ok=True)
        if entry.mode == _LINK:
            path.symlink_to(os.fsdecode(b"".join(content)))
            continue
        with path.open("xb") as file:
            for chunk in content:
                file.write(chunk)
        if entry.mode == _PROGRAM:
            path.chmod(0o755)
        if entry.size <= MAX_POINTER:
            _resolve_pointer(repository.root / entry.path, path)


def export_work_tree(
    repository: ProjectRepository, target: Path, left_out: Iterable[str] = ()
) -> None:
    """Write the files of the work tree into the new folder `target`, for a dirty build.

    Raises `InvalidInput` for a link where we read or pack files.
    """
    target.mkdir(parents=True)
    omitted = {PurePosixPath(path) for path in left_out}
    for name in _listed(repository):
        source, path = repository.root / name, target / name
        if omitted & {PurePosixPath(name), *PurePosixPath(name).parents}:
            continue
        try:
            mode = source.lstat().st_mode
        except FileNotFoundError:
            continue  # in the index, and deleted since
        if not stat.S_ISREG(mode):
            if _is_read(name):
                raise InvalidInput(
                    f"{name} is not a regular file: expected no links",
                    hint="replace the link by a copy of the file",
                )
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        with open_below(repository.root, name) as file, path.open("xb") as copy:
            shutil.copyfileobj(file, copy, _CHUNK)
        path.chmod(0o755 if mode & 0o100 else 0o644)


def _is_read(path: str) -> bool:
    return path in READ_FILES or path.split("/", 1)[0] in READ_FOLDERS


def _entry(line: bytes) -> TreeEntry:
    head, _, path = line.partition(b"\t")
    mode, _, identity, size = head.decode("ascii").split()
    name = os.fsdecode(path)
    if not name.isprintable():
        raise InvalidInput(f"the commit has a file name that cannot be printed: {name!r}")
    if size == "BAD":
        raise Unavailable(f"the object of {name} is missing or damaged", hint="run git fsck")
    return TreeEntry(name, mode, identity, 0 if size == "-" else int(size))


def _listed(repository: ProjectRepository) -> tuple[str, ...]:
    """Return the files of the work tree that git tracks, or that no list ignores."""
    listing = repository.git("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    return tuple(dict.fromkeys(os.fsdecode(name) for name in listing.split(b"\0") if name))


def _is_unchanged(repository: ProjectRepository, entry: TreeEntry) -> bool:
    path = repository.root / entry.path
    try:
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    if entry.mode == _LINK:
        return stat.S_ISLNK(status.st_mode) and entry.identity == _object_name(
            os.fsencode(path.readlink()), entry
        )
    if not stat.S_ISREG(status.st_mode) or not _is_inside(repository.root, entry.path):
        return False
    if bool(status.st_mode & 0o100) != (entry.mode == _PROGRAM):
        return False
    with open_below(repository.root, entry.path) as file:
        if status.st_size == entry.size and entry.identity == _hash(file, entry):
            return True
    return _is_same_text(path, entry, status.st_size) or _is_resolved(repository, entry, path)


def _is_inside(root: Path, path: str) -> bool:
    """Return whether no folder on the way is a link."""
    folders = list(PurePosixPath(path).parents)[:-1]
    return not any((root / folder).is_symlink() for folder in folders)


def _is_same_text(path: Path, entry: TreeEntry, size: int) -> bool:
    """Return whether only the line ends differ, which an attribute of git may demand."""
    if not entry.size < size <= _MAX_TEXT:
        return False
    content = path.read_bytes().replace(b"\r\n", b"\n")
    return entry.identity == _object_name(content, entry)


def _is_resolved(repository: ProjectRepository, entry: TreeEntry, path: Path) -> bool:
    """Return whether the commit has a pointer of git-lfs, and the file is what it names."""
    if entry.size > MAX_POINTER:
        return False
    pointer = lfs_pointer(repository.git("cat-file", "blob", entry.identity))
    return pointer is not None and _matches(path, pointer)


def _resolve_pointer(original: Path, copy: Path) -> None:
    pointer = lfs_pointer(copy.read_bytes())
    if pointer is None or original.is_symlink() or not original.is_file():
        return
    fetched = copy.with_name(f".{copy.name}.lfs")
    shutil.copyfile(original, fetched, follow_symlinks=False)
    # The copy is compared, because the original may change meanwhile. If it is not what the pointer
    # names, it was not pulled, and the pointer itself is what the commit has.
    if _matches(fetched, pointer):
        copy.unlink()
        copy.hardlink_to(fetched)
    fetched.unlink()


def _matches(path: Path, pointer: LfsPointer) -> bool:
    if path.stat().st_size != pointer.size:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == pointer.hex


def _contents(
    repository: ProjectRepository, entries: Sequence[TreeEntry]
) -> Iterator[Iterator[bytes]]:
    """Return the content of each entry in chunks. Raises `VerificationError` for a wrong one."""
    return repository.objects(entry.identity for entry in entries)


def _hash(file: IO[bytes], entry: TreeEntry) -> str:
    state = _state(entry, entry.size)
    while chunk := file.read(_CHUNK):
        state.update(chunk)
    return state.hexdigest()


def _object_name(content: bytes, entry: TreeEntry) -> str:
    state = _state(entry, len(content))
    state.update(content)
    return state.hexdigest()


def _state(entry: TreeEntry, size: int) -> "hashlib._Hash":
    """Return the start of the hash of a blob (git, object format)."""
    is_short = len(entry.identity) == 40
    state = hashlib.sha1(usedforsecurity=False) if is_short else hashlib.sha256()
    state.update(f"blob {size}\0".encode("ascii"))
    return state
