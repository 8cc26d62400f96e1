"""Repeated questions: the same case asked five times says no more about drift than asked once.

A person with the same inputs counts once a day; with other inputs it is another case. Where no
person is named, and no two rows of the reference are equal, equal inputs are taken for one case.
More than `MOST_REPEATS` of them count again: a broken source that sends one row for ever is drift.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from goldenpath.drift.profile import Floats, Profile
from goldenpath.drift.reference_profile import row_hashes
from goldenpath.serve.record.spool_format import Answered

MOST_REPEATS = 20
MOST_KEPT = 200_000
"""Cases that are remembered. With more a day, the memory starts again."""


@dataclass(slots=True)
class SubjectsSeen:
    """The cases of the current day, as hashes. They are kept in memory only."""

    day: int = -1
    people: set[int] = field(default_factory=set)
    cases: dict[int, int] = field(default_factory=dict)
    """How often equal inputs came."""

    def is_new(
        self, profile: Profile, answered: Sequence[Answered], rows: Floats, days: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Return which rows are not repetitions of a case of the same day."""
        hashes = row_hashes(rows).tolist()
        result = np.ones(len(rows), np.bool_)
        place = 0
        for item in answered:
            if item.rows:
                self._enter(int(days[place]))
            for number in range(item.rows):
                if item.subjects:
                    result[place] = self._is_new_person(item.subjects[number], hashes[place])
                elif profile.is_distinct:
                    result[place] = self._is_new_case(hashes[place])
                place += 1
        return result

    def _enter(self, day: int) -> None:
        if day > self.day or len(self.people) + len(self.cases) > MOST_KEPT:
            self.day = max(day, self.day)
            self.people.clear()
            self.cases.clear()

    def _is_new_person(self, name: str, inputs: int) -> bool:
        named = hashlib.blake2b(name.encode(), digest_size=8)
        named.update(inputs.to_bytes(8))
        key = int.from_bytes(named.digest())
        if key in self.people:
            return False
        self.people.add(key)
        return True

    def _is_new_case(self, key: int) -> bool:
        number = self.cases.get(key, 0) + 1
        self.cases[key] = number
        return number == 1 or number > MOST_REPEATS
