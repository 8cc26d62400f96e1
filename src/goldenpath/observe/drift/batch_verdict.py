"""The drift of one batch of rows, which is judged once.

The e-value of each column and kind of change is that of the monitor. There is one look, so a batch
is called drifted if an e-value reaches the inverse of its share of `chance`. While nothing has
changed, that happens with a chance of at most `chance` for the whole batch (Markov's inequality).
As for the monitor, this holds for independent rows on average over references; rows that depend on
each other are divided by the design effect that the reference shows.
"""

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from goldenpath.drift.counting import Counts
from goldenpath.drift.profile import Profile
from goldenpath.drift.sequential import Detector, State
from goldenpath.drift.verdict import DriftVerdict, drift_verdict
from goldenpath.errors import InvalidInput
from goldenpath.project.spec import MonitorSettings


def of_columns(profile: Profile, names: Collection[str]) -> Profile:
    """Return the profile of some of its columns. The last of them stands where the score stood.

    Raises `InvalidInput` if it has none of them.
    """
    chosen = [bins for bins in profile.columns if bins.name in names]
    if not chosen:
        raise InvalidInput("none of these columns is in the profile")
    # Pairs are compared by the monitor only.
    return replace(profile, features=tuple(chosen[:-1]), score=chosen[-1], pairs=None)


def batch_verdict(
    profile: Profile, counts: Counts, settings: MonitorSettings, *, days: int, chance: float
) -> DriftVerdict:
    """Return the drift of rows that are from `days` days; `chance` is between 0 and 1.

    Raises `InvalidInput` if there are no rows, or if `days` or `chance` is out of its range.
    """
    if not counts.rows:
        raise InvalidInput("the batch has no rows: expected at least one")
    if days < 1 or not 0 < chance < 1:
        raise InvalidInput("expected at least one day, and a chance between 0 and 1")
    state = State(
        looks=1,
        starts=(0,),
        times=(0,),
        weights=(chance,),
        days=np.array([days], np.int64),
        counts=counts.values[None],
        cells=counts.cells[None],
        refused=counts.refused[None],
        refusals=np.array([counts.refusals], np.int64),
    )
    verdict = drift_verdict(Detector.of(profile, settings, slack=1.0), state)
    # There is no time since when a batch drifts: it was looked at once.
    columns = tuple(replace(column, since="", step=None) for column in verdict.columns)
    return replace(verdict, columns=columns)
