"""Consecutive segments of one replica as one value: what the check of them has found.

A chain of any length is checked part by part, so that memory does not grow with it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from goldenpath.digest import Digest
from goldenpath.merkle_tree import leaf_hash
from goldenpath.observe.log.request_spans import RequestSpans
from goldenpath.observe.log.segment import Checkpoint

CHECKED_COLUMNS = ("sequence", "clock_error_ns", "process")
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
class SealedSegment:
    """One segment that verifies."""

    checkpoint: Checkpoint
    content: bytes
    """Its checkpoint file."""
    digest: str
    """Digest of that file."""
    is_expired: bool = False

    @classmethod
    def of(
        cls, checkpoint: Checkpoint, content: bytes, *, is_expired: bool = False
    ) -> "SealedSegment":
        """Return a segment with the digest of its checkpoint file."""
        return cls(checkpoint, content, Digest.of(content).text, is_expired)

    def is_followed_by(self, checkpoint: Checkpoint) -> bool:
        """Whether a checkpoint is the next one of the chain."""
        return (checkpoint.number, checkpoint.previous) == (self.checkpoint.number + 1, self.digest)


@dataclass(slots=True)
class RecordedFacts:
    """What the records of some segments say, as far as a check needs it."""

    numbers: RequestSpans = field(default_factory=RequestSpans)
    clock_errors: set[int | None] = field(default_factory=set)
    processes: set[str] = field(default_factory=set)

    def add(self, table: pa.Table) -> None:
        """Add the records of a table with `CHECKED_COLUMNS`, all rows at once."""
        columns = table.unify_dictionaries()
        self.numbers.add_numbers(columns["sequence"].drop_null().to_numpy())
        self.clock_errors.update(pc.unique(columns["clock_error_ns"]).to_pylist())
        named = pc.unique(columns["process"]).to_pylist()
        self.processes.update(str(each) for each in named if each)

    def merge(self, other: "RecordedFacts") -> None:
        """Add the facts of other segments."""
        self.numbers.add_all([other.numbers])
        self.clock_errors |= other.clock_errors
        self.processes |= other.processes


def part_of(
    stretch: Sequence[SealedSegment], recorded: RecordedFacts
) -> tuple[ChainPart, PartHashes]:
    """Return consecutive segments as one value, with what their records say."""
    known = [each.checkpoint for each in stretch]
    first, last = known[0], known[-1]
    lost = RequestSpans()
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
        sequences=recorded.numbers.text,
        lost_spans=lost.text,
        clock_errors=tuple(recorded.clock_errors),
        processes=tuple(sorted(recorded.processes)),
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
