"""Back-off: how long to wait after a failure before the next attempt, doubled each time."""

from datetime import timedelta
from typing import TypeVar

_Pause = TypeVar("_Pause", float, timedelta)
_MOST_DOUBLINGS = 30
"""More would only overflow; every limit is reached before."""


def pause_after(failures: int, *, first: float, longest: float) -> float:
    """Return the pause in seconds after `failures` earlier failures: `first` after none."""
    return min(first * 2.0 ** min(failures, _MOST_DOUBLINGS), longest)


def longer_pause(before: _Pause, *, first: _Pause, longest: _Pause) -> _Pause:
    """Return the pause after the pause `before`: twice as long, within `first` and `longest`."""
    return min(max(before * 2, first), longest)
