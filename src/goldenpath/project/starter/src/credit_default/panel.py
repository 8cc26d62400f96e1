"""The monthly panel: the features of every client at the end of a month, and the target after it.

The source has one row per client, with six months side by side. This module makes a table of each
month, so that a model trained on April can be evaluated on May, June and so on.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

MONTHS = ("2005-04", "2005-05", "2005-06", "2005-07", "2005-08", "2005-09")
FEATURES = ("limit", "age", "education", "status", "bill", "paid")
STATUS = FEATURES.index("status")
STATUS_CODES = tuple(range(-2, 9))
"""No use, paid in full, revolving, then the months of delay, as the source codes them."""

MALE = 1
"""Code of the source; 2 is female."""

LATE = 2
"""Months of delay that count as bad."""


@dataclass(frozen=True, slots=True)
class Month:
    """One month of the panel; every array has one entry per client."""

    client: npt.NDArray[np.int64]
    features: npt.NDArray[np.float32]
    """Shape `(clients, 6)`, in the order of `FEATURES`."""
    target: npt.NDArray[np.int64]
    sex: npt.NDArray[np.str_]
    """Not a feature of the model. Kept to compare how it treats the groups."""
    age_band: npt.NDArray[np.str_]

    def __len__(self) -> int:
        """Number of clients."""
        return len(self.client)

    def take(self, rows: npt.NDArray[np.int64]) -> "Month":
        """The clients at `rows`, in that order."""
        return Month(
            self.client[rows],
            self.features[rows],
            self.target[rows],
            self.sex[rows],
            self.age_band[rows],
        )


def read_month(path: Path, month: str) -> Month:
    """The panel of `month`, one of `MONTHS`, out of the table at `path`.

    The target is the status of the month after, `LATE` or more. For the last month it is the
    default flag of the source, which is **another definition**: 22 of 100 clients instead of 10
    to 15. Compare figures of September with those of other months knowing that.
    """
    if month not in MONTHS:
        raise ValueError(f"month {month!r} is not in the data: expected one of {MONTHS}")
    columns = pq.read_table(path)
    table = {name: columns[name].to_numpy().astype(np.int64) for name in columns.column_names}
    suffix = month.replace("-", "_")
    position = MONTHS.index(month)
    if position + 1 < len(MONTHS):
        target = table["status_" + MONTHS[position + 1].replace("-", "_")] >= LATE
    else:
        target = table["default"] == 1
    monthly = {name: table[f"{name}_{suffix}"] for name in ("status", "bill", "paid")}
    known = {**table, **monthly}
    return Month(
        client=table["client"],
        features=np.column_stack([known[name] for name in FEATURES]).astype(np.float32),
        target=target.astype(np.int64),
        sex=np.where(table["sex"] == MALE, "male", "female"),
        age_band=_age_band(table["age"]),
    )


def split(month: Month, *, evaluation: float, seed: int) -> tuple[Month, Month]:
    """Training and evaluation rows, split by client so that nobody is in both."""
    order = np.random.default_rng(seed).permutation(len(month))
    cut = round(len(month) * evaluation)
    return month.take(np.sort(order[cut:])), month.take(np.sort(order[:cut]))


def _age_band(age: npt.NDArray[np.int64]) -> npt.NDArray[np.str_]:
    names = np.array(["under 30", "30 to 39", "40 to 49", "50 and over"])
    return names[np.digitize(age, (30, 40, 50))]
