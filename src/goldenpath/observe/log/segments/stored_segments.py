"""The sealed segments of a log, wherever they are: in files of their own, or in packed files.

A segment keeps its name when it is packed. Whoever lists segments looks for their own files first
and for packed files after that: while segments are being packed, each is in at least one of both.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from itertools import groupby
from pathlib import Path
from typing import TypeVar

from goldenpath.errors import VerificationError
from goldenpath.observe.log.segment import SUFFIX
from goldenpath.observe.log.segments.packed_file import (
    NAME,
    PACKED,
    BytesSource,
    PackedFile,
    SegmentContent,
    number_of,
    open_packed,
    packed_in,
)

TABLE = ".parquet"
EXPIRED = ".expired.json"
_MOST_PLACEHOLDERS = 10_000
_TRIES = 3
_AT_ONCE = 240
"""Segments with files of their own in one unit."""
Read = TypeVar("Read")


@dataclass(frozen=True, slots=True)
class StoredSegment:
    """One sealed segment. What is read is not verified.

    Its methods raise `FileNotFoundError` if the segment is gone, and `VerificationError` if the
    packed file that has it is damaged.
    """

    folder: Path
    """Folder of its model in its stage."""
    stem: str
    """`<hour>-<replica>-<number>`."""
    packed: str = ""
    """Name of the packed file that has it; empty if it has files of its own."""

    @property
    def stage(self) -> str:
        """The stage by its folder."""
        return self.folder.parts[-2]

    @property
    def model(self) -> str:
        """The model by its folder."""
        return self.folder.name

    @property
    def replica(self) -> str:
        """The replica by its name."""
        return self.stem.rpartition("-")[0].partition("-")[2]

    @property
    def number(self) -> int:
        """The number by its name; -1 if it has none."""
        return number_of(self.stem)

    @property
    def name(self) -> str:
        """The name of its checkpoint file."""
        return self.stem + SUFFIX

    @property
    def table_name(self) -> str:
        """The name of its table."""
        return self.stem + TABLE

    @property
    def relative(self) -> str:
        """The path of its checkpoint file in the log. Records name it by that for ever."""
        return f"{self.stage}/{self.model}/{self.name}"

    @property
    def table_relative(self) -> str:
        """The path of its table in the log, as it was when it was sealed."""
        return f"{self.stage}/{self.model}/{self.table_name}"

    def checkpoint(self) -> bytes:
        """Return its checkpoint file."""
        if not self.packed:
            try:
                return (self.folder / self.name).read_bytes()
            except FileNotFoundError:
                return self._packed_since().checkpoint()
        return self._from_packed(PackedFile.checkpoint)

    def table(self) -> bytes:
        """Return its table, a Parquet file."""
        if not self.packed:
            try:
                return (self.folder / self.table_name).read_bytes()
            except FileNotFoundError:
                return self._packed_since().table()
        content = self._from_packed(PackedFile.table)
        if content is None:
            raise FileNotFoundError(f"the records of {self.stem} have expired")
        return content

    def source(self) -> Path | BytesIO:
        """Return its table for a reader of Parquet; a file is read only where it is needed."""
        path = self.folder / self.table_name
        return path if not self.packed and path.exists() else BytesIO(self.table())

    def has_table(self) -> bool:
        """Whether its records are here. A segment that is gone has none."""
        if not self.packed and (self.folder / self.table_name).exists():
            return True
        try:
            now = self._now()
            return bool(now.packed) and now._from_packed(PackedFile.has_table)
        except (FileNotFoundError, VerificationError):
            return False

    def expiry(self) -> bytes:
        """Return the signed statement that its records expired."""
        if not self.packed:
            try:
                return (self.folder / f"{self.stem}{EXPIRED}").read_bytes()
            except FileNotFoundError:
                return self._packed_since().expiry()
        content = self._from_packed(PackedFile.expiry)
        if content is None:
            raise FileNotFoundError(f"the records of {self.stem} have not expired")
        return content

    def is_expired(self) -> bool:
        """Whether its records are not here and a statement about that is."""
        if self.has_table():
            return False
        try:
            return bool(self.expiry())
        except (FileNotFoundError, VerificationError):
            return False

    def content(self) -> SegmentContent:
        """Return everything that is stored of it."""
        table = self.table() if self.has_table() else None
        expiry = self.expiry() if table is None else None
        return SegmentContent(self.stem, self.checkpoint(), table, expiry)

    def _now(self) -> "StoredSegment":
        """Return the same segment where it is now, if it was packed since it was listed."""
        if self.packed or (self.folder / self.name).exists():
            return self
        for name in packed_files(self.folder):
            if covers(name, self.stem) and self.stem in open_packed(self.folder / name).places:
                return StoredSegment(self.folder, self.stem, name)
        return self

    def _packed_since(self) -> "StoredSegment":
        # The checkpoint goes first when a segment is packed. While it is there, what is missing
        # beside it is gone for good.
        now = self._now()
        if not now.packed:
            raise FileNotFoundError(f"a file of segment {self.stem} is gone")
        return now

    def _from_packed(self, read: Callable[[PackedFile, str], Read]) -> Read:
        for left in reversed(range(_TRIES)):
            try:
                return read(open_packed(self.folder / self.packed), self.stem)
            except FileNotFoundError:
                if not left:
                    raise
            except KeyError as error:
                raise VerificationError(f"{self.packed} lacks segment {self.stem}") from error
        raise FileNotFoundError(self.packed)


def covers(packed: str, stem: str) -> bool:
    """Whether a packed file has a segment, by both names."""
    match = NAME.fullmatch(packed)
    replica, number = stem.rpartition("-")[0].partition("-")[2], number_of(stem)
    return bool(match and match[2] == replica and int(match[3]) <= number <= int(match[4]))


def stored_segments(
    predictions: Path, stage: str = "*", model: str = "*"
) -> Iterator[StoredSegment]:
    """Return every sealed segment, by stage, model, hour, replica and number.

    For a packed file that is damaged, each segment that its name promises is returned; whatever is
    read of it raises `VerificationError`.
    """
    for folder in log_folders(predictions, stage, model):
        names = file_names(folder)
        known = {name.removesuffix(SUFFIX): "" for name in names if name.endswith(SUFFIX)}
        for packed in packed_files(folder):
            known.update(dict.fromkeys(packed_stems(folder / packed), packed))
        for stem in sorted(known, key=lambda each: (each.rpartition("-")[0], number_of(each))):
            yield StoredSegment(folder, stem, known[stem])


def log_folders(predictions: Path, stage: str = "*", model: str = "*") -> list[Path]:
    """Return the folders of models that a log has."""
    return [each for each in sorted(predictions.glob(f"{stage}/{model}")) if each.is_dir()]


def file_names(folder: Path) -> list[str]:
    """Return the names of the files in a folder; a folder that is gone has none."""
    try:
        with os.scandir(folder) as entries:
            return [each.name for each in entries]
    except FileNotFoundError:
        return []


def packed_files(folder: Path) -> list[str]:
    """Return the names of the packed files in a folder, in order."""
    return sorted(each for each in file_names(folder) if each.endswith(PACKED))


def packed_stems(path: Path) -> Iterable[str]:
    """Return the names of the segments in a packed file, without suffix."""
    try:
        return tuple(open_packed(path).places)
    except FileNotFoundError:
        return ()
    except VerificationError:
        return _promised(path.name)


def _promised(packed: str) -> Iterable[str]:
    """Return the segments that a packed file has by its name."""
    match = NAME.fullmatch(packed)
    if match is None:
        return (packed.removesuffix(PACKED),)
    first, last = int(match[3]), int(match[4])
    last = min(last, first + _MOST_PLACEHOLDERS)
    return [f"{match[1]}-{match[2]}-{number}" for number in range(first, last + 1)]


def packed_contents(source: BytesSource) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Yield names and readers of the files of all segments in a packed file.

    If it is damaged, the readers of checkpoints raise `VerificationError`.
    """
    try:
        file = packed_in(source)
    except VerificationError as error:
        for stem in _promised(source.name):
            yield stem + SUFFIX, partial(_raise, error)
        return
    for stem in file.places:
        yield stem + SUFFIX, partial(file.checkpoint, stem)
        if file.has_table(stem):
            yield stem + TABLE, partial(_table_in, file, stem)


def _table_in(file: PackedFile, stem: str) -> bytes:
    return file.table(stem) or b""


def _raise(error: VerificationError) -> bytes:
    raise error


def segments_of(segment: StoredSegment) -> Mapping[int, StoredSegment]:
    """Return the segments of the same replica by their numbers."""
    folder = segment.folder
    ours = stored_segments(folder.parent.parent, segment.stage, segment.model)
    return {each.number: each for each in ours if each.replica == segment.replica}


Unit = Sequence[StoredSegment]
"""Segments of one replica in the order of their numbers: those of one packed file, or some with
files of their own."""


def units_of(segments: Iterable[StoredSegment], *, at_once: int = _AT_ONCE) -> Iterator[Unit]:
    """Yield the units of a log, replica by replica; at most `at_once` segments with own files."""
    for _, ours in groupby(segments, key=lambda each: each.folder):
        for chain in by_replica(ours).values():
            for packed, group in groupby(chain, key=lambda each: each.packed):
                unit = list(group)
                step = len(unit) if packed else at_once
                yield from (unit[at : at + step] for at in range(0, len(unit), step))


def by_replica(segments: Iterable[StoredSegment]) -> Mapping[str, list[StoredSegment]]:
    """Return segments by replica, each in the order of their numbers."""
    replicas: dict[str, list[StoredSegment]] = {}
    for each in segments:
        replicas.setdefault(each.replica, []).append(each)
    for chain in replicas.values():
        chain.sort(key=lambda each: each.number)
    return replicas
