"""One line of the benchmark table."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measurement:
    """A figure with its goal; `holds` is None where there is no goal or nothing was measured."""

    issue: int
    """Number of the requirement list that sets the goal."""
    name: str
    value: float | None
    """None where it could not be measured; the note says why."""
    unit: str
    goal: float | None = None
    holds: bool | None = None
    note: str = ""
