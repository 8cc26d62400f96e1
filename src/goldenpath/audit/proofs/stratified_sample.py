"""A sample of records that nobody could choose: drawn by a published head and a later seed.

The frame is every record that a commit of the branch `anchors` holds. The draw follows from the id
of that commit and the seed of the auditor. Who wrote the records did not know the seed, and the
auditor cannot choose records. The strata are stage, model and outcome, each by its share.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from goldenpath.audit.anchors.anchors_branch import SignedRecord
from goldenpath.audit.events.event import Event
from goldenpath.audit.proofs.anchored_segment import segment_leaves
from goldenpath.audit.proofs.error_bound import upper_error_bound
from goldenpath.audit.proofs.record_draw import drawn_numbers
from goldenpath.errors import InvalidInput, NotFound, Unavailable, VerificationError
from goldenpath.home import Home
from goldenpath.merkle_tree import tree_head
from goldenpath.observe.log.log_reader import log_public_key, read_columns, verified
from goldenpath.observe.log.segments.stored_segments import StoredSegment, stored_segments

CONFIDENCE = 0.95
_LABELS = ("decisive", "outcome", "class", "refusal", "prediction_id")


@dataclass(frozen=True, slots=True)
class Stratum:
    """Records of one stage, model and outcome."""

    name: str
    size: int
    drawn: int
    """By its share of all records."""
    extra: int
    """1 if its share is too small for a record; the bound does not count it."""


@dataclass(frozen=True, slots=True)
class DrawnRecord:
    """One record of the sample."""

    prediction_id: str
    stratum: str
    segment: StoredSegment
    place: int
    is_extra: bool


@dataclass(frozen=True, slots=True)
class Sample:
    """The records that a head and a seed give."""

    head: str
    """The commit of the branch `anchors`."""
    time: datetime
    """When the witness signed it."""
    seed: str
    strata: tuple[Stratum, ...]
    records: tuple[DrawnRecord, ...]
    expired: int
    """Records that the head holds and that were deleted by rule: they are not in the frame."""

    @property
    def size(self) -> int:
        """The number of records in the frame."""
        return sum(each.size for each in self.strata)

    @property
    def counted(self) -> int:
        """The number of drawn records that the bound counts."""
        return sum(each.drawn for each in self.strata)

    def bound(self, errors: int) -> float:
        """Return the upper bound on the error rate, if so many of the counted records are wrong.

        The shares of the strata are rounded to whole records. What that can hide at most, the
        largest difference between the shares in the frame and in the sample, is added.
        """
        if self.counted == self.size:
            return errors / max(self.size, 1)
        shares = ((each.size / self.size, each.drawn / self.counted) for each in self.strata)
        slack = sum(max(0.0, frame - sample) for frame, sample in shares)
        return min(1.0, upper_error_bound(errors, self.counted, CONFIDENCE) + slack)


def newest_head(records: Sequence[SignedRecord], machine: str, at: datetime | None) -> SignedRecord:
    """Return the newest head of a machine, of up to a time. Raises `Unavailable` without one."""
    ours = [each for each in records if each.machine == machine]
    known = [each for each in ours if at is None or each.record.time <= at]
    if not known:
        raise Unavailable(
            "no witness has published a head of this log"
            + ("" if at is None else f" up to {at.isoformat()}")
            + ": a seed chosen before one could have been known to whoever writes the log",
            hint="goldenpath up writes heads every five minutes and when it stops",
        )
    return known[-1]


def refuse_known_seed(seed: str, head: SignedRecord, events: Sequence[Event]) -> None:
    """Raise `InvalidInput` if the seed was used before the head was signed."""
    for event in events:
        details = event.details or {}
        is_older = datetime.fromisoformat(event.time) < head.record.time
        if event.kind == "sample.drawn" and details.get("seed") == seed and is_older:
            raise InvalidInput(
                f"the seed {seed!r} was used at {event.time}, before head {head.commit.id[:12]} of "
                f"{head.record.time.isoformat()}: whoever writes the log could know it",
                hint=f"choose a new one; --at {event.time} draws that sample again",
            )


def draw_sample(
    home: Home, head: SignedRecord, seed: str, count: int, *, stage: str = "*", model: str = "*"
) -> Sample:
    """Draw a stratified sample of what a head holds.

    Raises `NotFound` if there is no record, and `VerificationError` if the log differs from the
    head.
    """
    public_key = log_public_key(home)
    frame, expired = _frame(home, head, stage, model), 0
    counts: dict[str, list[tuple[StoredSegment, int]]] = defaultdict(list)
    for segment in frame:
        if segment.is_expired():
            expired += _rows(segment, public_key)
            continue
        verified(segment, public_key)
        for name, places in _strata_of(segment).items():
            counts[name].append((segment, len(places)))
    sizes = {name: sum(each for _, each in counts[name]) for name in sorted(counts)}
    if not sizes:
        raise NotFound("no record of that stage and model is held by the head")
    strata = allocate(sizes, count)
    records = [record for each in strata for record in _drawn(each, counts[each.name], head, seed)]
    return Sample(head.commit.id, head.record.time, seed, strata, tuple(records), expired)


def allocate(sizes: Mapping[str, int], count: int) -> tuple[Stratum, ...]:
    """Return how many records of each stratum are drawn: by shares, the largest rest first."""
    total = sum(sizes.values())
    wanted = min(count, total)
    drawn = {name: wanted * size // total for name, size in sizes.items()}
    rests = sorted(sizes, key=lambda name: (-(wanted * sizes[name] % total), name))
    for name in rests[: wanted - sum(drawn.values())]:
        drawn[name] += 1
    return tuple(
        Stratum(name, size, drawn[name], int(size > 0 and not drawn[name]))
        for name, size in sizes.items()
    )


def _frame(home: Home, head: SignedRecord, stage: str, model: str) -> list[StoredSegment]:
    """Return the segments that a head holds, in order, after a check of each tree."""
    files: dict[tuple[str, str, str], dict[int, StoredSegment]] = defaultdict(dict)
    for segment in stored_segments(home.predictions, stage, model):
        files[segment.stage, segment.model, segment.replica][segment.number] = segment
    frame: list[StoredSegment] = []
    for each in sorted(head.record.segments, key=lambda s: (s.stage, s.model, s.replica)):
        if stage not in ("*", each.stage) or model not in ("*", each.model):
            continue
        if not each.tree:
            raise Unavailable(
                f"the head has no tree over the segments of {each.replica}: an earlier version "
                "wrote it, or a segment is missing",
                hint="the next head of goldenpath up has one",
            )
        ours = files.get((each.stage, each.model, each.replica), {})
        leaves = segment_leaves(ours, each.replica, each.number)
        if f"sha256:{tree_head(leaves).hex()}" != each.tree:
            raise VerificationError(
                f"the segments of {each.replica} differ from those that head "
                f"{head.commit.id[:12]} holds"
            )
        frame += [ours[number] for number in range(each.number + 1)]
    return frame


def _rows(segment: StoredSegment, public_key: bytes) -> int:
    from goldenpath.observe.log.retention import read_expired

    return read_expired(segment, public_key)[0].rows


def _strata_of(segment: StoredSegment) -> Mapping[str, NDArray[np.int64]]:
    """Return the places of the records of each stratum of a segment. Shadow answers are none."""
    table = read_columns(segment, _LABELS)
    texts = [table[name].cast(pa.string()) for name in ("outcome", "class")]
    refused = pc.if_else(table["refusal"].is_valid(), "refused", "answered")
    labels = np.array(pc.coalesce(*texts, refused).to_pylist(), object)
    is_decisive = np.array(table["decisive"].to_pylist(), np.bool_)
    place = f"{segment.stage}/{segment.model}"
    names = sorted(set(labels[is_decisive].tolist()))
    return {
        f"{place} {name}": np.flatnonzero(is_decisive & (labels == name)).astype(np.int64)
        for name in names
    }


def _drawn(
    stratum: Stratum, counts: Sequence[tuple[StoredSegment, int]], head: SignedRecord, seed: str
) -> Iterator[DrawnRecord]:
    """Yield the records of a stratum; the number of each counts its records in order."""
    key = hashlib.sha256(f"{head.commit.id}\n{seed}\n{stratum.name}".encode()).digest()
    wanted = stratum.drawn + stratum.extra
    ordered = sorted(drawn_numbers(key, stratum.size, wanted))
    first = 0
    for segment, size in counts:
        ours = [number - first for number in ordered if first <= number < first + size]
        if ours:
            places = _strata_of(segment)[stratum.name]
            names = read_columns(segment, ("prediction_id",))["prediction_id"]
            for number in ours:
                place = int(places[number])
                name = str(names[place].as_py())
                yield DrawnRecord(name, stratum.name, segment, place, bool(stratum.extra))
        first += size
