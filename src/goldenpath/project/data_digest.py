"""The digest of data: of a file, of a folder, or of a large file in pieces.

A file has the SHA-256 that `sha256sum` gives. A folder has the SHA-256 of its *listing*: what
`sha256sum` prints of each file, `HEX  PATH`, in the order of the paths' bytes. A file that is
declared `pieces = true` has the listing of the folder that `split -b 64M -d -a 8` would make of it.
So a listing is a tree of two levels, and anybody checks it with two programs that every Unix has.

Each part is hashed by itself: on all processors at once, again after an interruption only where
nothing is known yet (`Journal`), and alone if only some parts are to be checked (`check_parts`).
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
from goldenpath.project.journal import Journal

PIECE = 64 * 1024 * 1024
"""Bytes of a piece of a large file."""
MAX_PARTS = 1_000_000
_CHUNK = 1024 * 1024
_LINE = re.compile(r"([a-f0-9]{64})  ([^\n\\]+)")
_WORKERS = min(os.cpu_count() or 1, 8)


@dataclass(frozen=True, slots=True)
class Span:
    """What is hashed by itself: a file, or a piece of one."""

    name: str
    path: Path
    start: int
    size: int
    changed: int
    """When the file was changed last, in nanoseconds, as its file system says."""
    is_last: bool = True
    """Whether the file ends where this ends."""

    @property
    def mark(self) -> str:
        """By what a journal knows it again."""
        return f"{self.size} {self.changed} {self.name}"


@dataclass(frozen=True, slots=True)
class Digested:
    """Data as they were read."""

    digest: Digest
    size: int
    files: int
    listing: bytes = b""
    """Empty for a single file that is not in pieces."""


def digest_file(path: Path) -> Digest:
    """Digest of a file, read in pieces of 1 MiB."""
    return Digest("sha256:" + _hash(Span(path.name, path, 0, path.stat().st_size, 0)))


def digest_data(path: Path, *, pieces: bool = False, journal: Journal | None = None) -> Digested:
    """Digest, size and listing of a file or folder.

    Raises `InvalidInput` for an empty folder, for links and other things that are not files, for
    names that a listing cannot hold, and for what cannot be read.
    """
    try:
        if path.is_file() and not pieces:
            return Digested(digest_file(path), path.stat().st_size, 1)
        spans = tuple(_pieces(path) if path.is_file() else _files(path))
        found = _hashes(spans, journal)
    except OSError as error:
        raise InvalidInput(f"{error.filename or path} cannot be read: {error.strerror}") from error
    lines = (f"{each}  {span.name}\n" for span, each in zip(spans, found, strict=True))
    listing = "".join(lines).encode()
    files = 1 if path.is_file() else len(spans)
    return Digested(Digest.of(listing), sum(span.size for span in spans), files, listing)


def check_parts(path: Path, listing: bytes, pinned: Digest, wanted: int) -> tuple[str, ...]:
    """Hashes some parts alone, evenly spaced; names those that differ from the listing.

    Raises `InvalidInput` if the listing is not the one that was pinned, or has other parts.
    """
    if Digest.of(listing) != pinned:
        raise InvalidInput(f"the listing is another one: expected {pinned}, got another digest")
    expected = parse_listing(listing)
    spans = tuple(_pieces(path) if path.is_file() else _files(path))
    names = {span.name for span in spans}
    if names != expected.keys():
        odd = sorted(names ^ expected.keys())
        raise InvalidInput(f"{path} has other parts than its listing: {', '.join(odd[:5])}")
    step = max(len(spans) / max(wanted, 1), 1)
    chosen = [spans[int(at * step)] for at in range(min(wanted, len(spans)))]
    found = _hashes(chosen, None)
    return tuple(s.name for s, each in zip(chosen, found, strict=True) if expected[s.name] != each)


def parse_listing(listing: bytes) -> Mapping[str, str]:
    """Hash by name. Raises `InvalidInput` if it is none."""
    lines = listing.decode("utf-8", "replace").removesuffix("\n").split("\n")
    found = [_LINE.fullmatch(line) for line in lines]
    parts = {match[2]: match[1] for match in found if match is not None}
    if len(parts) != len(lines):
        raise InvalidInput("the listing has a line that is not a hash, two spaces and a name")
    return parts


def _pieces(path: Path) -> Iterator[Span]:
    known = path.stat()
    for number in range(max((known.st_size + PIECE - 1) // PIECE, 1)):
        start = number * PIECE
        size = min(PIECE, known.st_size - start)
        last = start + size == known.st_size
        yield Span(f"{number:08d}", path, start, size, known.st_mtime_ns, last)


def _files(folder: Path) -> Sequence[Span]:
    found = sorted(_walk(folder, ""), key=lambda span: span.name.encode())
    if not found:
        raise InvalidInput(f"{folder} has no files: expected data in it")
    if len(found) > MAX_PARTS:
        raise InvalidInput(f"{folder} has too many files: expected at most {MAX_PARTS}")
    return found


def _walk(folder: Path, prefix: str) -> Iterator[Span]:
    with os.scandir(folder) as entries:
        for entry in entries:
            name = f"{prefix}{entry.name}"
            if not entry.name.isprintable() or "\\" in entry.name:
                raise InvalidInput(f"{folder} has a name that a listing cannot hold: {name!r}")
            known = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(known.st_mode):
                yield from _walk(Path(entry.path), f"{name}/")
            elif stat.S_ISREG(known.st_mode):
                yield Span(name, Path(entry.path), 0, known.st_size, known.st_mtime_ns)
            else:
                raise InvalidInput(f"{entry.path} is a link or no file: expected files alone")


def _hashes(spans: Sequence[Span], journal: Journal | None) -> Iterable[str]:
    def one(span: Span) -> str:
        known = journal.known(span.mark) if journal is not None else None
        if known is not None:
            return known
        found = _hash(span)
        if journal is not None:
            journal.note(span.mark, found)
        return found

    if len(spans) == 1:
        return [one(spans[0])]
    # `hashlib` lets go of the interpreter, so that threads are as good as processes here.
    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="digest") as pool:
        return list(pool.map(one, spans))


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
