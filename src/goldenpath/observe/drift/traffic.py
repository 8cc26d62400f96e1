"""The answered and refused rows of a block in their order, cut into looks and counted."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from goldenpath.drift.counting import Counts, count
from goldenpath.drift.profile import Floats, Profile
from goldenpath.drift.seasons import DAY
from goldenpath.observe.drift.subjects_seen import SubjectsSeen
from goldenpath.observe.log.records import Block
from goldenpath.observe.log.release_rules import Facts
from goldenpath.serve.record.spool_format import Answered

Whole = NDArray[np.int64]
_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Traffic:
    """The units of a block: each answered row, and each refused request."""

    profile: Profile
    rows: Floats
    scores: Floats
    is_new: NDArray[np.bool_]
    """Whether a row is no repetition of another of the same day."""
    seconds: Whole
    """When each unit arrived, in seconds since 1970."""
    places: Whole
    """The row of each unit; -1 for a refused request."""
    sizes: Whole
    """The number of rows that each unit is about."""
    refused: dict[int, Answered]
    """Refused requests by the position of their unit."""

    def __len__(self) -> int:
        """Number of units."""
        return len(self.places)

    def second(self, position: int) -> int:
        """Return when a unit arrived, in seconds since 1970."""
        return int(self.seconds[position])

    def day(self, position: int) -> int:
        """Return the UTC day on which a unit arrived."""
        return int(self.seconds[position] // DAY)

    def end(self, begin: int, size: int, day: int) -> int:
        """Return the end of the units that fill `size` rows on one day; at least one unit."""
        filled = int(np.searchsorted(np.cumsum(self.sizes[begin:]), size, side="right"))
        later = np.flatnonzero(self.seconds[begin:] // DAY > day)
        ends = [max(filled, 1), *later[:1].tolist()]
        return begin + max(int(min(ends)), 1)

    def counts(self, begin: int, end: int) -> tuple[Counts, Counts]:
        """Return the counts of these units without repetitions, and with them."""
        every = self._counted(begin, end, np.ones_like(self.is_new))
        if self.is_new.all():
            return every, every
        return self._counted(begin, end, self.is_new), every

    def _counted(self, begin: int, end: int, chosen: NDArray[np.bool_]) -> Counts:
        places, seconds = self.places[begin:end], self.seconds[begin:end]
        is_row = places >= 0
        is_row[is_row] = chosen[places[is_row]]
        rows = places[is_row]
        counted = count(self.profile, self.rows[rows], self.scores[rows], seconds[is_row])
        refusals = [item for place, item in self.refused.items() if begin <= place < end]
        if not refusals:
            return counted
        refused = counted.refused.copy()
        names = [bins.source for bins in self.profile.features]
        for item in refusals:
            for fault in item.faults:
                if fault.column in names:
                    refused[names.index(fault.column)] += fault.rows
        return replace(counted, refused=refused, refusals=sum(item.asked for item in refusals))


def traffic(facts: Facts, block: Block, seen: SubjectsSeen) -> Traffic:
    """Return the units of a block. `seen` has the cases of earlier blocks."""
    profile = facts.profile
    counted = [item for item in block.answered if item.rows or item.faults]
    repeats = np.array([item.rows or 1 for item in counted], np.int64)
    seconds = np.repeat(np.array([item.started for item in counted], np.int64), repeats) // _SECOND
    is_row = np.repeat(np.array([item.rows > 0 for item in counted], np.bool_), repeats)
    places = np.where(is_row, np.cumsum(is_row) - 1, -1)
    sizes = np.repeat(np.array([1 if i.rows else i.asked for i in counted], np.int64), repeats)
    firsts = np.cumsum(repeats) - repeats
    return Traffic(
        profile,
        block.rows,
        facts.rules.monitored(block.numbers),
        seen.is_new(profile, counted, block.rows, seconds[is_row] // DAY),
        seconds,
        places,
        sizes,
        {int(place): item for place, item in zip(firsts, counted, strict=True) if not item.rows},
    )
