"""Packs many small segments of a replica into one file, without a change to any of them.

A packed file is read back in memory, written under a temporary name, synced and renamed. Only then
the files of its segments go, the checkpoint of each first. Whoever is killed in between leaves a
segment in two places with the same bytes; readers take the packed one, and the next run removes the
other. A segment that does not verify stays as it is: it is evidence.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq

from goldenpath.errors import GoldenPathError, VerificationError
from goldenpath.files import locked, write_whole
from goldenpath.observe.log.records import SCHEMA
from goldenpath.observe.log.segment import SUFFIX, misplaced, parse_checkpoint, require_content
from goldenpath.observe.log.segments.packed_file import (
    PACKED,
    BytesSource,
    PackedFile,
    SegmentContent,
    number_of,
    open_packed,
    packed_in,
    packed_name,
    render_packed,
)
from goldenpath.observe.log.segments.parquet_footer import FooterFrame, ParquetParts
from goldenpath.observe.log.segments.shown_rows import shown_otherwise
from goldenpath.observe.log.segments.stored_segments import (
    EXPIRED,
    TABLE,
    StoredSegment,
    by_replica,
    file_names,
    log_folders,
    packed_files,
    stored_segments,
)
from goldenpath.release.attest.signatures.signer import Signer

_FEWEST = 2
_LOCK = "lock"


@dataclass(frozen=True, slots=True)
class PackedSize:
    """When a packed file is full. A segment with a quarter of the bytes stays as it is."""

    segments: int
    bytes: int
    """Bytes of tables. They are in memory while the file is written."""


FULL = PackedSize(segments=240, bytes=32 * 1024 * 1024)
"""20 minutes of a busy server."""


@dataclass(frozen=True, slots=True)
class Packing:
    """A packed file that was written."""

    stage: str
    model: str
    file: str
    segments: int


@dataclass(frozen=True, slots=True)
class Compaction:
    """What one run did."""

    packed: tuple[Packing, ...]
    left: tuple[str, ...]
    """Why segments were left as they are, one sentence each."""

    @property
    def segments(self) -> int:
        """How many segments were packed."""
        return sum(each.segments for each in self.packed)


@contextmanager
def segments_unmoved(predictions: Path) -> Iterator[None]:
    """Keep everybody else from moving sealed segments. New ones may be sealed meanwhile."""
    predictions.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locked(predictions / _LOCK):
        yield


def compact(
    predictions: Path,
    public_key: bytes,
    *,
    signer: Signer | None = None,
    everything: bool = False,
    most: int | None = None,
    full: PackedSize = FULL,
) -> Compaction:
    """Pack the segments that are due, and return what was done.

    Due are runs of segments that fill a packed file, and those of a replica that has ended. With
    `everything` all sealed segments are due. At most `most` packed files are written. `signer` has
    the key of the log. Without it a check of the log has to compare what a packed file shows.
    """
    if not predictions.is_dir():
        return Compaction((), ())
    packed, left = list[Packing](), list[str]()
    with segments_unmoved(predictions):
        for folder in log_folders(predictions):
            left += _without_leftovers(folder)
            work = _Folder(folder, public_key, signer, everything, full, left)
            try:
                for contents in work.due():
                    packed.append(work.pack(contents))
                    if most is not None and len(packed) >= most:
                        return Compaction(tuple(packed), tuple(left))
            except GoldenPathError as error:
                left.append(f"segments of {'/'.join(folder.parts[-2:])} stay: {error.message}")
    return Compaction(tuple(packed), tuple(left))


def _without_leftovers(folder: Path) -> Iterator[str]:
    """Remove the files of segments that are packed; yield those that differ, which stay."""
    names = set(file_names(folder))
    for name in names:
        if name.startswith(".") and f"{PACKED}." in name:  # somebody was killed while writing it
            (folder / name).unlink(missing_ok=True)
    for packed in packed_files(folder):
        try:
            file = open_packed(folder / packed)
        except (VerificationError, FileNotFoundError):
            continue  # `log check` says so
        for stem in file.places:
            if not names.isdisjoint(stem + suffix for suffix in (SUFFIX, EXPIRED, TABLE)):
                yield from _without_leftover(folder, stem, file)


def _without_leftover(folder: Path, stem: str, file: PackedFile) -> Iterator[str]:
    content = file.content(stem)
    for suffix, expected in (
        (SUFFIX, content.checkpoint), (EXPIRED, content.expiry), (TABLE, content.table)
    ):  # fmt: skip
        path = folder / f"{stem}{suffix}"
        try:
            actual = path.read_bytes()
        except FileNotFoundError:
            continue
        # A table that expired after it was packed must not come back.
        if actual == expected or (expected is None and suffix == TABLE):
            path.unlink()
        else:
            yield f"{path.name} differs from what {file.source.name} has"


@dataclass(frozen=True, slots=True)
class _Folder:
    """The segments of one model in one stage that have files of their own."""

    folder: Path
    public_key: bytes
    signer: Signer | None
    everything: bool
    full: PackedSize
    left: list[str]

    def due(self) -> Iterator[list[SegmentContent]]:
        """Yield the segments of each packed file that is to be written."""
        ours = stored_segments(self.folder.parent.parent, *self.folder.parts[-2:])
        loose = [each for each in ours if not each.packed]
        for chain in by_replica(loose).values():
            if len(chain) >= _FEWEST:
                yield from self._due(chain)

    def _due(self, chain: Sequence[StoredSegment]) -> Iterator[list[SegmentContent]]:
        is_due = self.everything or self._has_ended(chain[-1])
        small = [each for each in chain if _size_of(each) < self.full.bytes // 4]
        is_much = len(small) >= self.full.segments or _size(small) >= self.full.bytes
        if not is_due and not is_much:
            return
        run = _Run(self.full)
        for segment in small:
            content = self._verified(segment)
            if content is None or not run.takes(content):
                if len(run.contents) >= _FEWEST:
                    yield run.contents
                run = _Run(self.full)
            if content is not None:
                run.add(content)
        if is_due and len(run.contents) >= _FEWEST:
            yield run.contents

    def _has_ended(self, segment: StoredSegment) -> bool:
        try:
            checkpoint = parse_checkpoint(segment.checkpoint(), self.public_key)
        except (GoldenPathError, OSError):
            return False
        return checkpoint.is_last and checkpoint.end_of_writer != "goes on"

    def _verified(self, segment: StoredSegment) -> SegmentContent | None:
        """Return a segment that verifies; None if it does not, with the reason in `left`."""
        try:
            content = segment.content()
            checkpoint = parse_checkpoint(content.checkpoint, self.public_key)
            place = (segment.stage, segment.model, segment.replica)
            if elsewhere := misplaced(checkpoint, *place):
                raise VerificationError(elsewhere)
            if checkpoint.number != segment.number:
                raise VerificationError(f"its checkpoint has number {checkpoint.number}")
            if content.table is not None:
                require_content(segment.table_name, content.table, checkpoint)
        except (GoldenPathError, OSError) as error:
            self.left.append(f"{segment.name} is left as it is: {error}")
            return None
        return content

    def pack(self, contents: Sequence[SegmentContent]) -> Packing:
        """Write a packed file, and then remove the files of its segments."""
        replica = StoredSegment(self.folder, contents[0].stem).replica
        path = self.folder / packed_name(contents, replica)
        write_packed(path, replica, contents, self.signer)
        for each in contents:
            for suffix in (SUFFIX, EXPIRED, TABLE):
                (self.folder / f"{each.stem}{suffix}").unlink(missing_ok=True)
        return Packing(self.folder.parts[-2], self.folder.name, path.name, len(contents))


@dataclass(slots=True)
class _Run:
    """Segments that follow each other and fit into one packed file."""

    full: PackedSize
    contents: list[SegmentContent] = field(default_factory=list)
    bytes: int = 0
    frame: FooterFrame | None = None

    def takes(self, content: SegmentContent) -> bool:
        """Whether a segment can join."""
        if not self.contents:
            return True
        if number_of(content.stem) != number_of(self.contents[-1].stem) + 1:
            return False
        if content.table is not None and self.frame is not None:
            footer = ParquetParts.of(content.table).footer
            has_same_columns = self.frame.fits(footer)
        else:
            has_same_columns = True
        is_full = len(self.contents) >= self.full.segments
        fits = self.bytes + len(content.table or b"") <= self.full.bytes
        return has_same_columns and fits and not is_full

    def add(self, content: SegmentContent) -> None:
        """Add a segment."""
        self.contents.append(content)
        if content.table is not None:
            self.bytes += len(content.table)
            self.frame = self.frame or FooterFrame.of(ParquetParts.of(content.table).footer)


def _size(segments: Sequence[StoredSegment]) -> int:
    return sum(map(_size_of, segments))


def _size_of(segment: StoredSegment) -> int:
    try:
        return (segment.folder / segment.table_name).stat().st_size
    except FileNotFoundError:
        return 0


def write_packed(
    path: Path, replica: str, contents: Sequence[SegmentContent], signer: Signer | None
) -> None:
    """Write a packed file as a whole, after it was read back.

    It has every segment as it is, and shows other programs the same rows: that is what is signed.
    """
    place = (path.parts[-3], path.parts[-2], replica)
    content = render_packed(place, contents, no_rows=_footer_without_rows(), signer=signer)
    file = packed_in(BytesSource(path.name, content))
    if any(file.content(each.stem) != each for each in contents) or shown_otherwise(file):
        raise VerificationError(f"{path.name} would not be as it should be")
    write_whole(path, content)


def expire_packed(path: Path, statements: Mapping[str, bytes], signer: Signer) -> None:
    """Replace records in a packed file by the statements that they expired, by stem."""
    file = open_packed(path)
    contents = [
        SegmentContent(stem, file.checkpoint(stem), None, statements[stem])
        if stem in statements
        else file.content(stem)
        for stem in file.places
    ]
    write_packed(path, file.directory.replica, contents, signer)


def _footer_without_rows() -> bytes:
    sink = io.BytesIO()
    pq.ParquetWriter(sink, SCHEMA).close()
    return ParquetParts.of(sink.getvalue()).footer
