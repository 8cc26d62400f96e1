"""The check of consecutive segments of one replica: signatures, digests and links.

A packed file is checked in one pass. If anything in it is not as it should be, its segments are
checked one by one, which names each fault.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

from goldenpath.errors import GoldenPathError
from goldenpath.observe.log.log_reader import columns_of, verified_table
from goldenpath.observe.log.retention import read_expired
from goldenpath.observe.log.segment import misplaced
from goldenpath.observe.log.segments.chain_part import (
    CHECKED_COLUMNS,
    ChainPart,
    PartHashes,
    RecordedFacts,
    SealedSegment,
    part_of,
)
from goldenpath.observe.log.segments.packed_check import whole_packed_file
from goldenpath.observe.log.segments.stored_segments import StoredSegment


@dataclass(frozen=True, slots=True)
class CheckedSegments:
    """What the check of some segments has found."""

    parts: tuple[tuple[ChainPart, PartHashes], ...]
    breaks: tuple[str, ...] = ()


def check_segments(segments: Sequence[StoredSegment], public_key: bytes) -> CheckedSegments:
    """Check segments of one replica, in the order of their numbers."""
    whole = whole_packed_file(segments, public_key) if segments[0].packed else None
    return CheckedSegments((whole,)) if whole is not None else check_each(segments, public_key)


def check_each(segments: Sequence[StoredSegment], public_key: bytes) -> CheckedSegments:
    """Check segments one by one, and name each that does not count."""
    stretches: list[tuple[list[SealedSegment], RecordedFacts]] = []
    breaks: list[str] = []
    for segment in segments:
        recorded = RecordedFacts()
        try:
            sealed = _checked(segment, public_key, recorded, breaks)
        except FileNotFoundError:
            breaks.append(f"{segment.name}: it is gone")
            continue
        except GoldenPathError as error:
            breaks.append(f"{segment.packed or segment.name}: {error.message}")
            continue
        if not stretches or not stretches[-1][0][-1].is_followed_by(sealed.checkpoint):
            stretches.append(([], RecordedFacts()))
        stretches[-1][0].append(sealed)
        stretches[-1][1].merge(recorded)
    return CheckedSegments(
        tuple(part_of(*stretch) for stretch in stretches), tuple(dict.fromkeys(breaks))
    )


def _checked(
    segment: StoredSegment, public_key: bytes, recorded: RecordedFacts, breaks: list[str]
) -> SealedSegment:
    """Check one segment. Raises `GoldenPathError` or `FileNotFoundError` if it does not count."""
    if segment.is_expired():
        checkpoint, numbers = read_expired(segment, public_key)
        recorded.numbers.add_all([numbers])
        return SealedSegment.of(checkpoint, segment.checkpoint(), is_expired=True)
    checkpoint, content = verified_table(segment, public_key)
    table = columns_of(BytesIO(content), segment.table_name, CHECKED_COLUMNS)
    if elsewhere := misplaced(checkpoint, segment.stage, segment.model, segment.replica):
        breaks.append(f"{segment.name}: {elsewhere}")
    if table.num_rows != checkpoint.rows:
        breaks.append(f"{segment.name}: expected {checkpoint.rows} records, got {table.num_rows}")
    recorded.add(table)
    return SealedSegment.of(checkpoint, segment.checkpoint())
