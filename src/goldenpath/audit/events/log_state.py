"""Whether a log is whole, damaged, gone, or was never begun.

A log that never existed and a log that was removed look the same on the disk. Other records decide
which it is, so that the loss of a log never reads like its absence.
"""

from dataclasses import dataclass
from typing import Literal

Standing = Literal["never begun", "whole", "damaged", "gone"]


@dataclass(frozen=True, slots=True)
class LogState:
    """The state of one log."""

    standing: Standing
    faults: tuple[str, ...] = ()
    """A sentence for each fault, which names the record."""
    held: str = ""
    """Up to where somebody else holds its head, in one sentence. Empty if it was never begun."""

    @property
    def holds(self) -> bool:
        """Whether nothing of the log is known to be lost or altered."""
        return not self.faults


@dataclass(frozen=True, slots=True)
class LogStates:
    """The states of both logs of a machine."""

    events: LogState
    predictions: LogState

    @property
    def faults(self) -> tuple[str, ...]:
        """The faults of both logs."""
        return (*self.events.faults, *self.predictions.faults)


NEVER_BEGUN = LogStates(LogState("never begun"), LogState("never begun"))


def state_of(faults: tuple[str, ...], *, exists: bool, held: str = "") -> LogState:
    """Return the state of a log with these faults; a log that does not exist with faults is gone.

    The faults of a log that does not exist are the witnesses that it did.
    """
    if exists:
        return LogState("damaged" if faults else "whole", faults, held)
    return LogState("gone" if faults else "never begun", faults)
