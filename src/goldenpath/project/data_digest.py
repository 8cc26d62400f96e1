"""The digest of data: of a file, of a folder, or of a large file in pieces.

The digest of a file is its SHA-256, as `sha256sum` prints it. The digest of a folder is the SHA-256
of its *listing*: the line `HEX  PATH` that `sha256sum` prints for each file, sorted by the bytes of
the paths. A file declared with `pieces = true` has the listing of the folder that
`split -b 64M -d -a 8` would make of it. Anybody can check a digest with these standard programs.

Parts are hashed independently, on all processors. `DigestJournal` resumes an interrupted digest,
and `check_parts` checks a few parts alone.
"""

import hashlib
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.project.digest_journal import DigestJournal

PIECE = 64 * 1024 * 1024
"""Bytes of a piece of a large file."""
MAX_PARTS = 1_000_000
MAX_POINTER = 1024
"""Bytes of the largest pointer."""
_POINTER = re.compile(rb"version \S+\n(?:ext-\S+ \S+\n)*oid sha256:([a-f0-9]{64})\nsize (\d+)\n")
_CHUNK = 1024 * 1024
_LINE = re.compile(r"([a-f0-9]{64})  ([^\n\\]+)")
_WORKERS = min(os.cpu_count() or 1, 8)


@dataclass(frozen=True, slots=True)
class Span:
    """A part that is hashed by itself: a file, or a piece of a file."""

    name: str
    path: Path
    start: int
    size: int
    modified: int
    """When the file was last changed, in nanoseconds since 1970, according to its file system."""
    is_last: bool = True
    """Whether the part reaches to the end of the file."""

    @property
    def identity(self) -> str:
        """The text by which a journal recognizes the part: size, time of change and name."""
        return f"{self.size} {self.modified} {self.name}"


@dataclass(frozen=True, slots=True)
class LfsPointer:
    """What a pointer says about its file."""

    hex: str
    """The SHA-256 of the file, in 64 digits."""
    size: int
    """Bytes."""


@dataclass(frozen=True, slots=True)
class DataDigest:
    """The digest of a file or folder, and what was read for it."""

    digest: Digest
    size: int
    """Bytes."""
    files: int
    """Number of files."""
    listing: bytes = b""
    """Empty for a single file that is not in pieces."""


def lfs_pointer(content: bytes) -> LfsPointer | None:
    """Return the pointer in the bytes of a file; None if they are something else."""
    match = _POINTER.fullmatch(content)
    return None if match is None else LfsPointer(match[1].decode("ascii"), int(match[2]))


def is_lfs_pointer(path: Path) -> bool:
    """Return whether a file is such a pointer. Raises `OSError` if it cannot be read."""
    if path.stat().st_size > MAX_POINTER:
        return False
    with path.open("rb") as file:
        return lfs_pointer(file.read(MAX_POINTER + 1)) is not None


def digest_file(path: Path) -> Digest:
    """Return the digest of a file, read in chunks of 1 MiB."""
    return Digest("sha256:" + _hash(Span(path.name, path, 0, path.stat().st_size, 0)))


def digest_data(
    path: Path, *, pieces: bool = False, journal: DigestJournal | None = None
) -> DataDigest:
    """Return digest, size and listing of a file or folder.

    Raises `InvalidInput` for an empty folder, for links and special files, for names that a
    listing cannot hold, for files that cannot be read, and for a pointer of git-lfs: it is not the
    data, and a machine that fetched them would find another digest.
    """
    try:
        if path.is_file():
            _refuse_pointer(path)
        if path.is_file() and not pieces:
            return DataDigest(digest_file(path), path.stat().st_size, 1)
        spans = tuple(_spans(path))
        hashes = _hashes(spans, journal)
    except OSError as error:
        raise InvalidInput(f"{error.filename or path} cannot be read: {error.strerror}") from error
    lines = (f"{digest}  {span.name}\n" for span, digest in zip(spans, hashes, strict=True))
    listing = "".join(lines).encode()
    files = 1 if path.is_file() else len(spans)
    return DataDigest(Digest.of(listing), sum(span.size for span in spans), files, listing)


def check_parts(path: Path, listing: bytes, pinned: Digest, number: int) -> tuple[str, ...]:
    """Hash `number` evenly spaced parts and return the names of those that differ from the listing.

    Raises `InvalidInput` if the listing has another digest than `pinned`, if it names other parts,
    or if a part cannot be read.
    """
    if Digest.of(listing) != pinned:
        raise InvalidInput(
            f"the listing has the wrong digest: expected {pinned}, got {Digest.of(listing)}"
        )
    expected = parse_listing(listing)
    try:
        spans = tuple(_spans(path))
        differences = sorted({span.name for span in spans} ^ expected.keys())
        if differences:
            listed = ", ".join(differences[:5])
            raise InvalidInput(f"{path} has other parts than its listing: {listed}")
        step = max(len(spans) / max(number, 1), 1)
        chosen = [spans[int(index * step)] for index in range(min(number, len(spans)))]
        hashes = _hashes(chosen, None)
    except OSError as error:
        raise InvalidInput(f"{error.filename or path} cannot be read: {error.strerror}") from error
    pairs = zip(chosen, hashes, strict=True)
    return tuple(span.name for span, digest in pairs if expected[span.name] != digest)


def parse_listing(listing: bytes) -> Mapping[str, str]:
    """Return the hash of each name. Raises `InvalidInput` if a line has another form."""
    lines = listing.decode("utf-8", "replace").removesuffix("\n").split("\n")
    matches = [_LINE.fullmatch(line) for line in lines]
    parts = {match[2]: match[1] for match in matches if match is not None}
    if len(parts) != len(lines):
        raise InvalidInput("the listing has a line that is not a hash, two spaces and a name")
    return parts


def _spans(path: Path) -> Iterable[Span]:
    return _pieces(path) if path.is_file() else _files(path)


def _pieces(path: Path) -> Iterator[Span]:
    status = path.stat()
    for number in range(max((status.st_size + PIECE - 1) // PIECE, 1)):
        start = number * PIECE
        size = min(PIECE, status.st_size - start)
        is_last = start + size == status.st_size
        yield Span(f"{number:08d}", path, start, size, status.st_mtime_ns, is_last)


def _files(folder: Path) -> Sequence[Span]:
    spans = sorted(_walk(folder, ""), key=lambda span: span.name.encode())
    if not spans:
        raise InvalidInput(f"{folder} has no files: expected data in it")
    if len(spans) > MAX_PARTS:
        raise InvalidInput(f"{folder} has too many files: expected at most {MAX_PARTS}")
    return spans


def _walk(folder: Path, prefix: str) -> Iterator[Span]:
    with os.scandir(folder) as entries:
        for entry in entries:
            name = f"{prefix}{entry.name}"
            if not entry.name.isprintable() or "\\" in entry.name:
                raise InvalidInput(f"{folder} has a name that a listing cannot hold: {name!r}")
            status = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):
                yield from _walk(Path(entry.path), f"{name}/")
            elif stat.S_ISREG(status.st_mode):
                _refuse_pointer(Path(entry.path))
                yield Span(name, Path(entry.path), 0, status.st_size, status.st_mtime_ns)
            else:
                raise InvalidInput(f"{entry.path} is a link or a special file: expected a file")


def _refuse_pointer(path: Path) -> None:
    if is_lfs_pointer(path):
        raise InvalidInput(
            f"{path} is a pointer of git-lfs: expected the data that it stands for",
            hint="run git lfs pull",
        )


def _hashes(spans: Sequence[Span], journal: DigestJournal | None) -> Iterable[str]:
    def hash_span(span: Span) -> str:
        recorded = journal.recall(span.identity) if journal is not None else None
        if recorded is not None:
            return recorded
        digest = _hash(span)
        if journal is not None:
            journal.record(span.identity, digest)
        return digest

    if len(spans) == 1:
        return [hash_span(spans[0])]
    # `hashlib` releases the interpreter's lock, so threads run in parallel.
    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="digest") as pool:
        return list(pool.map(hash_span, spans))


def _hash(span: Span) -> str:
    state, left = hashlib.sha256(), span.size
    buffer = memoryview(bytearray(min(_CHUNK, max(left, 1))))
    with span.path.open("rb", buffering=0) as file:
        file.seek(span.start)
        while left:
            count = file.readinto(buffer[: min(len(buffer), left)])
            if not count:
                raise InvalidInput(f"{span.path} became shorter while it was read")
            state.update(buffer[:count])
            left -= count
        if span.is_last and file.read(1):
            raise InvalidInput(f"{span.path} became longer while it was read")
    return state.hexdigest()
