"""What is known about a release, in the form in which the claims of people are compared with it.

The gate takes the facts from signed statements, `goldenpath check` from the files of the project.
Where nothing is known, the field is None: then a claim is not compared, and never called true.
"""

from dataclasses import dataclass
from typing import Protocol

from goldenpath.project.spec import Contract, Tier


class MeasuredMetric(Protocol):
    """A metric of the evaluation: its value, its interval, and the slice that it is about."""

    @property
    def name(self) -> str: ...
    @property
    def value(self) -> float: ...
    @property
    def low(self) -> float | None: ...
    @property
    def high(self) -> float | None: ...
    @property
    def slice(self) -> str:
        """`column=value`; empty for all rows."""


@dataclass(frozen=True, slots=True)
class MetricLimit:
    """The bound of one metric in `compliance/thresholds.yaml`."""

    metric: str
    bound: float


@dataclass(frozen=True, slots=True)
class ReleaseFacts:
    """Everything that a claim is compared with."""

    contract: Contract
    tier: Tier
    metrics: tuple[MeasuredMetric, ...] | None = None
    """None: there is no evaluation here."""
    limits: tuple[MetricLimit, ...] = ()
    packages: tuple[tuple[str, str], ...] | None = None
    """Name and version of each Python package. None: there is no bill of materials here."""
    python: str = ""
    """Version of the interpreter, such as `3.11` or `3.11.7`; empty if not known."""
    columns: tuple[str, ...] = ()
    """Columns of the data sets."""
    slices: tuple[str, ...] = ()
    """Columns for whose values metrics are computed."""
    rows: tuple[int, ...] | None = None
    """Numbers of rows of data sets and evaluations. None: not known here."""
    names: tuple[str, ...] = ()
    """Other names that a card may use: data sets, parameters, outcomes."""

    @property
    def not_compared(self) -> tuple[str, ...]:
        """What claims are not compared with here, in words."""
        unknown = {
            "numbers: no evaluation is here, the gate compares them": self.metrics is None,
            "packages: no bill of materials is here": self.packages is None,
            "numbers of rows: they are not known here": self.rows is None,
        }
        return tuple(text for text, is_unknown in unknown.items() if is_unknown)
