"""The check of a whole packed file in one pass.

The file is read once and each table is hashed where it lies. The columns of all segments are read
together, through the footer that other programs use: the key of the log signed that it leads to the
very pages of the tables. So the work of Python grows with the segments, and never with the records.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

import pyarrow as pa

from goldenpath.errors import GoldenPathError, VerificationError
from goldenpath.observe.log.log_reader import columns_of
from goldenpath.observe.log.segment import Checkpoint, misplaced, parse_checkpoint
from goldenpath.observe.log.segments.chain_part import (
    CHECKED_COLUMNS,
    ChainPart,
    PartHashes,
    RecordedFacts,
    SealedSegment,
    part_of,
)
from goldenpath.observe.log.segments.packed_file import (
    BytesSource,
    PackedFile,
    PackedPlace,
    decompressed,
    open_packed,
    packed_in,
)
from goldenpath.observe.log.segments.parquet_footer import MAGIC, tail
from goldenpath.observe.log.segments.stored_segments import StoredSegment


def whole_packed_file(
    segments: Sequence[StoredSegment], public_key: bytes
) -> tuple[ChainPart, PartHashes] | None:
    """Return the segments of a packed file as one part if each of them verifies, and None if not.

    None also for a file with expired records, or whose directory the key of the log did not sign.
    """
    first = segments[0]
    try:
        source = open_packed(first.folder / first.packed).source
        packed = _WholeFile.of(BytesSource(source.name, source.read(0, source.size)))
        if [*packed.file.places] != [each.stem for each in segments]:
            return None
        if not packed.file.is_signed(public_key):
            return None
        packed.file.shown()
        sealed = [*packed.sealed(first, public_key)]
        recorded = packed.recorded([each.checkpoint.rows for each in sealed])
    except (GoldenPathError, OSError, pa.ArrowException):
        return None  # checked one by one, each fault is named
    return part_of(sealed, recorded)


@dataclass(frozen=True, slots=True)
class _WholeFile:
    file: PackedFile
    content: bytes
    documents: bytes
    footers: bytes

    @classmethod
    def of(cls, source: BytesSource) -> "_WholeFile":
        file = packed_in(source)
        documents = decompressed(source, file.directory.documents)
        return cls(file, source.content, documents, decompressed(source, file.directory.footers))

    def sealed(self, first: StoredSegment, public_key: bytes) -> Iterator[SealedSegment]:
        """Yield each segment after its check. Raises `VerificationError` if one is wrong."""
        before: SealedSegment | None = None
        for place in self.file.places.values():
            content = self.documents[place.document : place.document + place.entry.checkpoint]
            checkpoint = parse_checkpoint(content, public_key)
            if before is not None and not before.is_followed_by(checkpoint):
                raise VerificationError("a segment does not follow the one before")
            if misplaced(checkpoint, first.stage, first.model, first.replica):
                raise VerificationError("a segment belongs elsewhere")
            self._require_table(place, checkpoint)
            before = SealedSegment.of(checkpoint, content)
            yield before

    def _require_table(self, place: PackedPlace, checkpoint: Checkpoint) -> None:
        entry = place.entry
        if entry.footer < 0:
            raise VerificationError("the records of a segment have expired")
        footer = self.footers[place.footer : place.footer + entry.footer]
        table = sha256(MAGIC)
        table.update(memoryview(self.content)[entry.begin : entry.begin + entry.pages])
        table.update(footer + tail(footer))
        if f"sha256:{table.hexdigest()}" != checkpoint.content:
            raise VerificationError("a table has the wrong digest")

    def recorded(self, rows: Sequence[int]) -> RecordedFacts:
        """Return what all records say. Raises `VerificationError` if segments have other rows."""
        name, recorded = self.file.source.name, RecordedFacts()
        table = columns_of(pa.BufferReader(self.content), name, CHECKED_COLUMNS, of_each=rows)
        recorded.add(table)
        return recorded
