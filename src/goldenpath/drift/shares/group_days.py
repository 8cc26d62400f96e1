"""Whether an outcome is as frequent in a group, against all others, as on the days before.

The *gap* of a day is the share of an outcome in the group, minus that among all others. If days
are exchangeable, the rank of a new day's gap among those before is equally likely to be any. So
bets on the highest and lowest ranks gain nothing on average (see `days.rank_bets`), whatever the
usual gap is and however decisions of a day depend on each other. A gap that is steady from the
first day on is no finding here: `goldenpath performance --by` and the gate `fairness` show it.

A small day has a more random gap than a large one. So from every day the same number of decisions
is drawn on each side, without replacement and with a fixed seed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from goldenpath.drift.budget import DAYS_A_YEAR
from goldenpath.drift.days.rank_bets import log_gains

GROUP_SHARE = 0.03
"""Share of the alarm budget for all groups and outcomes together."""
FEWEST_DAYS = 20
"""Days before which nothing is ranked."""
FEWEST_DECISIONS = 100
"""A day has at least so many decisions in the group, and of all others; else it goes on."""
_SMALL_DAYS = 0.1
"""Share of the first days that may have fewer decisions than are drawn."""


@dataclass(frozen=True, slots=True)
class GroupDay:
    """The decisions of a day, or of some days in a row with few decisions."""

    day: int
    hits: int
    """Decisions of the group with the outcome."""
    decisions: int
    other_hits: int
    other_decisions: int

    @property
    def smaller(self) -> int:
        """Decisions on the side with fewer of them."""
        return min(self.decisions, self.other_decisions)

    @property
    def share(self) -> float:
        """The share of the outcome in the group."""
        return self.hits / self.decisions

    @property
    def other_share(self) -> float:
        """The share of the outcome among all others."""
        return self.other_hits / self.other_decisions

    @property
    def gap(self) -> float:
        """How much larger the share in the group is."""
        return self.share - self.other_share


def drawn_decisions(days: Sequence[GroupDay]) -> int:
    """Return how many decisions are drawn from each side of a day."""
    sizes = sorted(each.smaller for each in days[:FEWEST_DAYS])
    return max(sizes[int(_SMALL_DAYS * len(sizes))], FEWEST_DECISIONS)


def day_gains(earlier: Sequence[GroupDay], today: GroupDay) -> tuple[float, ...]:
    """Return the logarithm of what each bet multiplies its value by on a day.

    There have to be `FEWEST_DAYS` earlier days, and today as many decisions as are drawn.
    """
    size = drawn_decisions(earlier)
    gaps = np.array([_drawn_gap(e, size) for e in (*earlier, today) if e.smaller >= size])
    # The middle is that of all days, so no day differs from it by its place in time.
    numbers = np.stack([np.abs(gaps - np.median(gaps)), gaps], axis=1)
    return tuple(log_gains(numbers[:-1], (numbers[-1, 0], numbers[-1, 1])).tolist())


def _drawn_gap(day: GroupDay, size: int) -> float:
    random = np.random.default_rng(day.day + 1)
    mine = random.hypergeometric(day.hits, day.decisions - day.hits, size)
    others = random.hypergeometric(day.other_hits, day.other_decisions - day.other_hits, size)
    return float(mine - others) / size


def day_weight(false_alarms_a_year: float, processes: int) -> float:
    """Return the expected false alarms that one day of one group and outcome may cause."""
    return false_alarms_a_year * GROUP_SHARE / DAYS_A_YEAR / processes
