"""Consecutive segments of one replica as one value: what the check of them has found.

A chain of any length is checked part by part, so that memory does not grow with it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import pairwise

import msgspec
import pyarrow.compute as pc

from goldenpath.digest import Digest
from goldenpath.errors import GoldenPathError
from goldenpath.merkle_tree import leaf_hash
from goldenpath.observe.log.log_reader import columns_of, verified_table
from goldenpath.observe.log.request_spans import RequestSpans
from goldenpath.observe.log.retention import read_expired
from goldenpath.observe.log.segment import Checkpoint, misplaced
from goldenpath.observe.log.segments.stored_segments import StoredSegment

_COLUMNS = ("sequence", "clock_error_ns", "process")
_HASH = 32


class ChainPart(msgspec.Struct, frozen=True):
    """Segments that verify and follow each other. Texts of times are RFC 3339 in UTC."""

    stage: str
    model: str
    replica: str
    release: str
    first: int
    """Number of the first segment."""
    segments: int
    previous: str
    """Digest of the checkpoint before the first one."""
    digest: str
    """Digest of the last checkpoint."""
    records: int
    refused: int
    lost: int
    torn: int
    expired: int
    sequences: str
    """Recorded request numbers as spans."""
    lost_spans: str
    clock_errors: tuple[int | None, ...]
    processes: tuple[str, ...]
    first_time: str
    """`first_time` of the first checkpoint."""
    last_time: str
    earliest: str
    """The earliest time of a record; empty if there is none."""
    latest: str
    sealed: tuple[str, str, str, str]
    """When the first and the last segment were sealed, then the earliest and the latest time."""
    clock_jumps: int
    is_last: bool
    end_of_writer: str
    unknown: int
    torn_at_end: int
    """Torn bytes behind the last segment."""
    spools: dict[str, int]
    """Up to which offset each spool file is sealed."""

    @property
    def after(self) -> int:
        """The number after the last segment."""
        return self.first + self.segments


@dataclass(frozen=True, slots=True)
class PartHashes:
    """Hashes of the segments of a part, one after the other."""

    contents: bytes
    """SHA-256 of the tables."""
    leaves: bytes
    """The leaves of the checkpoint files in the tree of the replica."""

    def content(self, place: int) -> str:
        """Return the digest of a table."""
        return f"sha256:{self.contents[_HASH * place : _HASH * (place + 1)].hex()}"

    def leaf(self, place: int) -> bytes:
        """Return the leaf of a checkpoint file."""
        return self.leaves[_HASH * place : _HASH * (place + 1)]


@dataclass(frozen=True, slots=True)
class CheckedSegments:
    """What the check of some segments has found."""

    parts: tuple[tuple[ChainPart, PartHashes], ...]
    breaks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Checked:
    """One segment that verifies."""

    checkpoint: Checkpoint
    content: bytes
    """Its checkpoint file."""
    numbers: RequestSpans
    clock_errors: frozenset[int | None]
    processes: frozenset[str]
    is_expired: bool

    @property
    def digest(self) -> str:
        """Digest of its checkpoint file."""
        return Digest.of(self.content).text


def check_segments(segments: Sequence[StoredSegment], public_key: bytes) -> CheckedSegments:
    """Check segments of one replica, in the order of their numbers."""
    stretches: list[list[_Checked]] = []
    breaks: list[str] = []
    for segment in segments:
        try:
            checked = _checked(segment, public_key, breaks)
        except FileNotFoundError:
            breaks.append(f"{segment.name}: it is gone")
            continue
        except GoldenPathError as error:
            breaks.append(f"{segment.packed or segment.name}: {error.message}")
            continue
        if not stretches or not _follows(checked.checkpoint, stretches[-1][-1]):
            stretches.append([])
        stretches[-1].append(checked)
    return CheckedSegments(tuple(map(_part, stretches)), tuple(dict.fromkeys(breaks)))


def _follows(checkpoint: Checkpoint, before: _Checked) -> bool:
    is_next = checkpoint.number == before.checkpoint.number + 1
    return is_next and checkpoint.previous == before.digest


def _checked(segment: StoredSegment, public_key: bytes, breaks: list[str]) -> _Checked:
    """Check one segment. Raises `GoldenPathError` or `FileNotFoundError` if it does not count."""
    if segment.is_expired():
        checkpoint, numbers = read_expired(segment, public_key)
        content = segment.checkpoint()
        return _Checked(checkpoint, content, numbers, frozenset(), frozenset(), is_expired=True)
    checkpoint, content = verified_table(segment, public_key)
    table = columns_of(BytesIO(content), segment.table_name, _COLUMNS)
    if elsewhere := misplaced(checkpoint, segment.stage, segment.model, segment.replica):
        breaks.append(f"{segment.name}: {elsewhere}")
    if table.num_rows != checkpoint.rows:
        breaks.append(f"{segment.name}: expected {checkpoint.rows} records, got {table.num_rows}")
    numbers = RequestSpans()
    numbers.add_numbers(table["sequence"].drop_null().to_numpy())
    errors = pc.unique(table["clock_error_ns"]).to_pylist()
    named = pc.unique(table["process"]).to_pylist()
    return _Checked(
        checkpoint, segment.checkpoint(), numbers, frozenset(errors),
        frozenset(str(each) for each in named if each), is_expired=False,
    )  # fmt: skip


def _part(stretch: Sequence[_Checked]) -> tuple[ChainPart, PartHashes]:
    known = [each.checkpoint for each in stretch]
    first, last = known[0], known[-1]
    sequences, lost = RequestSpans(), RequestSpans()
    sequences.add_all(each.numbers for each in stretch)
    lost.add_all(RequestSpans.parse(each.lost_spans) for each in known)
    sealed = [each.sealed_at for each in known]
    part = ChainPart(
        stage=first.stage,
        model=first.model,
        replica=first.replica,
        release=first.release,
        first=first.number,
        segments=len(known),
        previous=first.previous,
        digest=stretch[-1].digest,
        records=sum(each.rows for each in known),
        refused=sum(each.refused for each in known),
        lost=sum(each.lost for each in known),
        torn=sum(each.torn for each in known),
        expired=sum(each.is_expired for each in stretch),
        sequences=sequences.text,
        lost_spans=lost.text,
        clock_errors=tuple(frozenset[int | None]().union(*(each.clock_errors for each in stretch))),
        processes=tuple(sorted(frozenset[str]().union(*(each.processes for each in stretch)))),
        first_time=first.first_time,
        last_time=last.last_time,
        earliest=min((each.first_time for each in known if each.first_time), default=""),
        latest=max((each.last_time for each in known if each.last_time), default=""),
        sealed=(sealed[0], sealed[-1], min(sealed), max(sealed)),
        clock_jumps=sum(b < a for a, b in pairwise(sealed)),
        is_last=last.is_last,
        end_of_writer=last.end_of_writer,
        unknown=last.unknown,
        torn_at_end=last.torn,
        spools=dict(_ends(known)),
    )
    contents = b"".join(bytes.fromhex(Digest(each.content).hex) for each in known)
    leaves = b"".join(leaf_hash(each.content) for each in stretch)
    return part, PartHashes(contents, leaves)


def _ends(known: Sequence[Checkpoint]) -> Iterator[tuple[str, int]]:
    ends: dict[str, int] = {}
    for each in known:
        ends[each.spool] = max(ends.get(each.spool, 0), each.end)
    yield from ends.items()
