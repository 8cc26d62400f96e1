"""Compares this machine's clock with others before it commits: nobody follows a wrong date."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from goldenpath.errors import Unavailable
from goldenpath.promote.repository.first_seen import AHEAD

_CURE = "set the clock of this machine, for example by NTP, then run this again"


@dataclass(frozen=True, slots=True)
class OtherClock:
    """What a clock showed a moment ago that somebody else keeps."""

    whose: str
    time: datetime


def nobody_else() -> OtherClock | None:
    """Return None: there is no other clock to compare with."""
    return None


def refuse_wrong_clock(now: datetime, tip: datetime, other: OtherClock | None) -> None:
    """Raise `Unavailable` if others would refuse a commit that is dated `now`.

    `tip` is the date of the newest commit on `main`. Without another clock, only a clock that is
    behind shows: a quiet repository looks like a clock that is ahead.
    """
    if other is not None and abs(now - other.time) > AHEAD:
        way = "ahead of" if now > other.time else "behind"
        raise Unavailable(
            f"the clock of this machine is {_span(abs(now - other.time))} {way} {other.whose}: "
            "nobody would follow what it dates",
            hint=_CURE,
        )
    if now < tip - AHEAD:
        where = "docs/following.md says how two people take it out"
        raise Unavailable(
            f"the newest commit is dated {_span(tip - now)} ahead of the clock of this machine: "
            "nobody would follow a commit that is dated before it",
            hint=f"the clock agrees with {other.whose}, so that commit is wrong: {where}"
            if other is not None
            else f"{_CURE}; if the clock is right, that commit is wrong: {where}",
        )


def _span(span: timedelta) -> str:
    return str(timedelta(seconds=round(span.total_seconds())))
