"""Times as text, and time that passes while somebody sets the clock."""

from datetime import UTC, datetime


def timestamp(moment: datetime) -> str:
    """Return a time as RFC 3339 with microseconds in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"


class ElapsedTime:
    """Seconds since the first reading of a clock. A clock that is set back stops nothing.

    Between two readings it counts what the clock went forward, and nothing if it went back. So a
    pause may end early, and never lasts longer than what really passes after the clock was set.
    """

    def __init__(self) -> None:
        self._last: datetime | None = None
        self._seconds = 0.0

    def at(self, now: datetime) -> float:
        """Return the seconds that passed up to this reading of the clock."""
        if self._last is not None:
            self._seconds += max(0.0, (now - self._last).total_seconds())
        self._last = now
        return self._seconds
