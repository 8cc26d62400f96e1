"""Writes tar files that depend only on their content, and reads tar files strictly.

The writer uses the GNU format without owners and times and with fixed modes. It writes no PAX
headers, since scanners misread sizes above 8 GiB in them. The reader accepts only files, folders
and long names. It refuses links, devices, sparse files and PAX headers.
"""

import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from goldenpath.errors import InvalidInput, VerificationError

BLOCK = 512
MAX_NAME = 240
"""Bytes of the longest path."""
_LONG_NAME = b"L"
_FILES = (b"0", b"\0")
_FOLDER = b"5"


@dataclass(frozen=True, slots=True)
class ArchiveEntry:
    """A file or folder in a tar: its path without a final slash, and bytes of its content."""

    path: str
    size: int
    is_folder: bool = False


def header(entry: ArchiveEntry) -> bytes:
    """Return the header of an entry. Raises `InvalidInput` for a path that our reader refuses."""
    check_path(entry.path, InvalidInput)
    info = tarfile.TarInfo(entry.path)
    info.size = entry.size
    info.mode = 0o755 if entry.is_folder else 0o644
    info.type = tarfile.DIRTYPE if entry.is_folder else tarfile.REGTYPE
    # The GNU form has one way to write each header; pax would add records with times of its own.
    return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "strict")


def padding(size: int) -> bytes:
    """Return the zero bytes that follow a content of `size` bytes."""
    return bytes(-size % BLOCK)


END = bytes(2 * BLOCK)
"""The end of a tar file. It is not padded to a tape record of 10,240 bytes."""


def check_path(path: str, error: type[InvalidInput] | type[VerificationError]) -> None:
    """Raise `error` unless `path` stays below its folder on every operating system."""
    # Backslash and colon separate folders and drives on Windows. A file `.wh.NAME` in a layer
    # deletes NAME (OCI image specification, whiteouts).
    parts = path.split("/")
    if (
        len(path.encode("utf-8", "surrogateescape")) > MAX_NAME
        or any(part in ("", ".", "..") for part in parts)
        or not path.isprintable()
        or "\\" in path
        or ":" in parts[0]
        or any(part.startswith(".wh.") for part in parts)
    ):
        raise error(f"path {path[:300]!r} is not allowed in a release")


class _Source:
    """Reads exact numbers of bytes from chunks of any size."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._rest = memoryview(b"")

    def some(self, size: int) -> memoryview:
        """Return 1 to `size` bytes, or none at the end."""
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return self._rest
            self._rest = memoryview(chunk)
        part, self._rest = self._rest[:size], self._rest[size:]
        return part

    def stream(self, size: int) -> Iterator[bytes]:
        """Yield exactly `size` bytes, in parts."""
        while size:
            part = self.some(size)
            if not part:
                raise VerificationError(
                    f"the tar of a layer ends too early: expected {size} more bytes"
                )
            size -= len(part)
            yield bytes(part)

    def exactly(self, size: int) -> bytes:
        """Return exactly `size` bytes."""
        return b"".join(self.stream(size))


def read_tar(chunks: Iterable[bytes]) -> Iterator[tuple[ArchiveEntry, Iterator[bytes]]]:
    """Yield every entry with its content; the caller reads it before the next entry.

    Reads `chunks` to their end, because a verifying stream checks its digest there. Raises
    `VerificationError` for anything that `header` would not have written.
    """
    source = _Source(chunks)
    name: str | None = None
    while True:
        block = source.exactly(BLOCK)
        if block == bytes(BLOCK):
            break
        _check_sum(block)
        kind, size = block[156:157], _number(block[124:136])
        if kind == _LONG_NAME and name is None:
            name = _long_name(source, size)
            continue
        entry = _entry(name or _text(block[:100]), kind, size)
        name = None
        content = source.stream(size)
        yield entry, content
        # Read what the caller left unread, so that every byte is hashed.
        for _ in content:
            pass
        source.exactly(-size % BLOCK)
    _check_end(source)


def _entry(path: str, kind: bytes, size: int) -> ArchiveEntry:
    is_folder = kind == _FOLDER
    if not is_folder and kind not in _FILES:
        raise VerificationError(
            f"entry {path[:300]!r} of a layer has the type {kind!r}: expected a file or a folder"
        )
    if is_folder and size:
        raise VerificationError(f"folder {path[:300]!r} of a layer has content")
    clean = path.removesuffix("/") if is_folder else path
    check_path(clean, VerificationError)
    return ArchiveEntry(clean, size, is_folder)


def _long_name(source: _Source, size: int) -> str:
    # A zero byte at the end, and the slash of a folder, come on top.
    if not 0 < size <= MAX_NAME + 2:
        raise VerificationError(f"a layer has a path of {size} bytes: expected at most {MAX_NAME}")
    text = _text(source.exactly(size))
    source.exactly(-size % BLOCK)
    return text


def _text(field: bytes) -> str:
    try:
        return field.split(b"\0", 1)[0].decode("utf-8")
    except UnicodeDecodeError as error:
        raise VerificationError("a layer has a path that is not UTF-8") from error


def _number(field: bytes) -> int:
    # GNU writes numbers above 8 GiB in binary.
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    digits = field.rstrip(b"\0 ")
    if not digits or any(digit not in b"01234567" for digit in digits):
        raise VerificationError("a layer has a header with a bad number")
    return int(digits, 8)


def _check_sum(block: bytes) -> None:
    blanked = block[:148] + b" " * 8 + block[156:]
    # POSIX allows a path prefix in bytes 345 to 500. It would be a second way to write a path, and
    # GNU tar uses the field for other things.
    if _number(block[148:154]) != sum(blanked) or any(block[345:500]):
        raise VerificationError("a layer has a damaged tar header")


def _check_end(source: _Source) -> None:
    if source.exactly(BLOCK) != bytes(BLOCK):
        raise VerificationError("the tar of a layer has no valid end: expected two zero blocks")
    # Other readers ignore what follows the end, so that it would be a hiding place.
    while part := source.some(1 << 20):
        if any(part):
            raise VerificationError("a layer has content after the end of its tar")
