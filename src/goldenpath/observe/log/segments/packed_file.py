"""A packed file: many segments of one replica in one Parquet file, each with its very bytes.

PAR1
the pages of each table                 as they were
the documents                           zlib: checkpoints and statements of expiry
the footers of the tables               zlib: as they were
the directory                           JSON, signed by the key of the log
the SHA-256 and the length of the directory, and `GPPACK01`
a footer that shows all rows, its length, PAR1

A table is `PAR1`, its pages, its footer, the length of that, and `PAR1`. So its digest, which the
checkpoint signs, holds as before. The last footer is for other programs. Whoever packs reads it
back, compares it with every table, and signs the directory, which names its digest. So a check
need not compare it again. Files of version 1 have no signature.
"""

import os
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

import msgspec
from msgspec.structs import replace

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, VerificationError
from goldenpath.observe.log.segments.parquet_footer import MAGIC, ParquetParts, joined_footer, tail
from goldenpath.parsers.typed import decode_record
from goldenpath.release.attest.signatures.p256 import is_signed
from goldenpath.release.attest.signatures.signer import Signer
from goldenpath.stored_formats import PACKED_FILE

PACKED = ".packed.parquet"
NAME = re.compile(r"(\d{8}T\d\d)-(.+)\.(\d{1,12})-(\d{1,12})" + re.escape(PACKED))
"""Hour of the first segment, replica, and number of the first and the last segment."""
_PURPOSE = b"goldenpath packed segments 2\0"
FileState = tuple[int, int, int]
"""Inode, size and time of a file."""
_MARK = b"GPPACK01"
_MOST_DIRECTORY = 16 * 1024 * 1024
_MOST_BLOCK = 256 * 1024 * 1024
_LEVEL = 6
_ABSENT = -1


class PackedBlock(msgspec.Struct, frozen=True):
    """A compressed block of a packed file."""

    begin: int
    length: int
    size: int
    """Its bytes after decompression."""


class PackedEntry(msgspec.Struct, frozen=True, array_like=True):
    """One segment of a packed file; sizes are in bytes, and -1 for what it has not."""

    stem: str
    begin: int
    """Where its pages begin."""
    pages: int
    footer: int
    checkpoint: int
    expiry: int


class PackedDirectory(msgspec.Struct, frozen=True):
    """What is where in a packed file."""

    version: int
    stage: str
    model: str
    replica: str
    documents: PackedBlock
    footers: PackedBlock
    shown: str
    """SHA-256 of the last footer."""
    segments: tuple[PackedEntry, ...]
    signature: bytes = b""
    """Of the directory without it; empty in version 1, and where nobody can sign."""

    @property
    def signed(self) -> bytes:
        """The bytes that the signature covers."""
        return _PURPOSE + msgspec.json.encode(replace(self, signature=b""))


@dataclass(frozen=True, slots=True)
class SegmentContent:
    """Everything that is stored of one segment."""

    stem: str
    """`<hour>-<replica>-<number>`."""
    checkpoint: bytes
    table: bytes | None
    """None if its records have expired."""
    expiry: bytes | None = None
    """The signed statement about that."""


@dataclass(frozen=True, slots=True)
class FileSource:
    """A packed file on this machine, as it was when its directory was read."""

    path: Path
    state: FileState

    @property
    def name(self) -> str:
        """The name of the file."""
        return self.path.name

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return self.state[1]

    def read(self, begin: int, length: int) -> bytes:
        """Return bytes. Raises `FileNotFoundError` if it is not the same file any more."""
        with self.path.open("rb") as file:
            if _state(os.fstat(file.fileno())) != self.state:
                raise FileNotFoundError(f"{self.name} was replaced")
            return os.pread(file.fileno(), length, begin)


@dataclass(frozen=True, slots=True, eq=False)
class BytesSource:
    """A packed file that was read as a whole, such as from an object store."""

    name: str
    content: bytes

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return len(self.content)

    def read(self, begin: int, length: int) -> bytes:
        """Return bytes."""
        return self.content[begin : begin + length]


@dataclass(frozen=True, slots=True)
class PackedPlace:
    """Where the parts of one segment begin in the blocks of its packed file."""

    entry: PackedEntry
    document: int
    footer: int


@dataclass(frozen=True, slots=True, eq=False)
class PackedFile:
    """A packed file as it was when its directory was read.

    Its methods raise `KeyError` for a segment that is not in it, `VerificationError` if it is
    damaged, and `FileNotFoundError` if it is gone or another version took its place.
    """

    source: FileSource | BytesSource
    directory: PackedDirectory
    places: Mapping[str, PackedPlace]
    """By the stem of the segment."""

    def is_signed(self, public_key: bytes) -> bool:
        """Whether this key signed that the last footer shows the rows of the segments."""
        directory = self.directory
        return bool(directory.signature) and is_signed(
            public_key, directory.signed, directory.signature
        )

    def shown(self) -> bytes:
        """Return the last footer. Raises `VerificationError` if the directory names another."""
        size = self.source.size
        length = int.from_bytes(self.source.read(size - 8, 4), "little")
        footer = self.source.read(max(0, size - 8 - length), length)
        if Digest.of(footer).text != self.directory.shown:
            raise VerificationError(
                f"{self.source.name} has another footer than its directory says"
            )
        return footer

    def content(self, stem: str) -> SegmentContent:
        """Return everything that is stored of a segment."""
        return SegmentContent(stem, self.checkpoint(stem), self.table(stem), self.expiry(stem))

    def checkpoint(self, stem: str) -> bytes:
        """Return the checkpoint file of a segment."""
        place = self.places[stem]
        documents = _block(self.source, self.directory.documents)
        return documents[place.document : place.document + place.entry.checkpoint]

    def expiry(self, stem: str) -> bytes | None:
        """Return the statement about the expiry of a segment; None if it has none."""
        place = self.places[stem]
        if place.entry.expiry == _ABSENT:
            return None
        begin = place.document + place.entry.checkpoint
        documents = _block(self.source, self.directory.documents)
        return documents[begin : begin + place.entry.expiry]

    def has_table(self, stem: str) -> bool:
        """Whether the records of a segment are here."""
        return self.places[stem].entry.footer != _ABSENT

    def table(self, stem: str) -> bytes | None:
        """Return the table of a segment, bit by bit; None if it has expired."""
        place = self.places[stem]
        if place.entry.footer == _ABSENT:
            return None
        footers = _block(self.source, self.directory.footers)
        footer = footers[place.footer : place.footer + place.entry.footer]
        pages = self.source.read(place.entry.begin, place.entry.pages)
        return ParquetParts(pages, footer).content


def packed_name(contents: Sequence[SegmentContent], replica: str) -> str:
    """Return the name of a packed file with these segments."""
    hour = contents[0].stem.partition("-")[0]
    first, last = (number_of(each.stem) for each in (contents[0], contents[-1]))
    return f"{hour}-{replica}.{first}-{last}{PACKED}"


def number_of(stem: str) -> int:
    """Return the number in the name of a segment; -1 if there is none."""
    number = stem.rpartition("-")[2]
    return int(number) if number.isascii() and number.isdigit() else -1


def render_packed(
    place: tuple[str, str, str],
    contents: Sequence[SegmentContent],
    *,
    no_rows: bytes,
    signer: Signer | None = None,
) -> bytes:
    """Return the packed file of segments of one replica, in the order of their numbers.

    `place` is stage, model and replica. `no_rows` is the footer if all of them have expired. The
    same segments give the same bytes but for the signature of `signer`. Raises `InvalidInput` if a
    table cannot be packed.
    """
    chunks, footers, documents = [MAGIC], list[tuple[bytes, int]](), list[bytes]()
    entries, at = [], len(MAGIC)
    for each in contents:
        parts = ParquetParts.of(each.table) if each.table is not None else None
        documents += [each.checkpoint, each.expiry or b""]
        entries.append(
            PackedEntry(
                stem=each.stem,
                begin=at,
                pages=len(parts.pages) if parts else 0,
                footer=len(parts.footer) if parts else _ABSENT,
                checkpoint=len(each.checkpoint),
                expiry=_ABSENT if each.expiry is None else len(each.expiry),
            )
        )
        if parts is not None:
            chunks.append(parts.pages)
            footers.append((parts.footer, at - len(MAGIC)))
            at += len(parts.pages)
    blocks = []
    for block in (documents, [footer for footer, _ in footers]):
        whole = b"".join(block)
        compressed = zlib.compress(whole, _LEVEL)
        blocks.append(PackedBlock(at, len(compressed), len(whole)))
        chunks.append(compressed)
        at += len(compressed)
    shown = joined_footer(footers) if footers else no_rows
    digest = Digest.of(shown).text
    stage, model, replica = place
    written = PackedDirectory(
        version=PACKED_FILE.version,
        stage=stage,
        model=model,
        replica=replica,
        documents=blocks[0],
        footers=blocks[1],
        shown=digest,
        segments=tuple(entries),
    )
    if signer is not None:
        written = replace(written, signature=signer.sign(written.signed))
    directory = msgspec.json.encode(written)
    length = len(directory).to_bytes(4, "little")
    chunks += [directory, sha256(directory).digest(), length, _MARK, shown, tail(shown)]
    return b"".join(chunks)


def open_packed(path: Path) -> PackedFile:
    """Read the directory of a packed file.

    Raises `VerificationError` if it is damaged, and `FileNotFoundError` if it is gone.
    """
    return _opened(FileSource(path, _state(path.stat())))


@lru_cache(maxsize=64)
def _opened(source: FileSource) -> PackedFile:
    return packed_in(source)


def packed_in(source: FileSource | BytesSource) -> PackedFile:
    """Read the directory of a packed file. Raises like `open_packed`."""
    try:
        content = _directory(source)
        directory = decode_record(content, PackedDirectory, "its directory")
        require_whole(directory, source.size)
    except InvalidInput as error:
        raise VerificationError(f"{source.name} is damaged: {error.message}") from error
    return PackedFile(source, directory, _places(directory))


def _directory(source: FileSource | BytesSource) -> bytes:
    end = source.read(max(0, source.size - 8), 8)
    begin = source.size - 8 - int.from_bytes(end[:4], "little") - 44
    mark = source.read(begin, 44) if begin > 0 else b""
    length = int.from_bytes(mark[32:36], "little")
    if mark[36:] != _MARK or end[4:] != MAGIC or not 0 < length <= min(begin, _MOST_DIRECTORY):
        raise InvalidInput("it has no directory of segments")
    content = source.read(begin - length, length)
    if sha256(content).digest() != mark[:32]:
        raise InvalidInput("its directory has the wrong digest")
    return content


def _places(directory: PackedDirectory) -> Mapping[str, PackedPlace]:
    places = dict[str, PackedPlace]()
    document = footer = 0
    for each in directory.segments:
        places[each.stem] = PackedPlace(each, document, footer)
        document += each.checkpoint + max(each.expiry, 0)
        footer += max(each.footer, 0)
    return places


def require_whole(directory: PackedDirectory, size: int) -> None:
    """Raise `InvalidInput` if a directory has another version or leads out of its file."""
    PACKED_FILE.require(directory.version, "it")
    documents, footers = directory.documents, directory.footers
    spans = [(each.begin, each.length) for each in (documents, footers)]
    spans += [(each.begin, each.pages) for each in directory.segments]
    is_inside = all(begin > 0 and 0 <= length <= size - begin for begin, length in spans)
    is_small = all(0 <= each.size <= _MOST_BLOCK for each in (documents, footers))
    has_sizes = all(
        each.checkpoint > 0 and min(each.expiry, each.footer) >= _ABSENT and "/" not in each.stem
        for each in directory.segments
    )
    kept = sum(each.checkpoint + max(each.expiry, 0) for each in directory.segments)
    ends = sum(max(each.footer, 0) for each in directory.segments)
    fits = (kept, ends) == (documents.size, footers.size)
    if not (is_inside and is_small and has_sizes and fits and directory.segments):
        raise InvalidInput("its directory does not fit")


def decompressed(source: FileSource | BytesSource, block: PackedBlock) -> bytes:
    """Return a block of a packed file. Raises `VerificationError` if it is damaged."""
    compressed = source.read(block.begin, block.length)
    try:
        content = zlib.decompressobj().decompress(compressed, block.size + 1)
    except zlib.error as error:
        raise VerificationError(f"{source.name} is damaged: {error}") from error
    if len(content) != block.size:
        raise VerificationError(f"{source.name} is damaged: a block has another size")
    return content


_block = lru_cache(maxsize=4)(decompressed)


def _state(status: os.stat_result) -> FileState:
    return status.st_ino, status.st_size, status.st_mtime_ns
