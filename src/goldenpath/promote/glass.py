"""Broken glass: a release that one person let in, until a second one stands for it."""

from dataclasses import dataclass
from datetime import datetime

from goldenpath.attest.statement import render_time
from goldenpath.canonical import JsonValue


@dataclass(frozen=True, slots=True)
class Glass:
    """One release in one stage on one person's word, until a second person approves."""

    by: str
    reason: str
    since: datetime
    until: datetime
    """When the second person has to have approved."""

    def is_overdue(self, now: datetime) -> bool:
        """Whether the time for the second person is over."""
        return now >= self.until

    def words(self, now: datetime) -> str:
        """One sentence for people."""
        end = self.until.isoformat(timespec="minutes")
        state = f"a second person was due by {end}" if self.is_overdue(now) else (
            f"a second person has to approve by {end}"
        )  # fmt: skip
        return f"{self.by} broke the glass ({self.reason}): {state}"

    def to_json(self) -> dict[str, JsonValue]:
        """As decisions and `release.yaml` hold it."""
        return {
            "by": self.by,
            "reason": self.reason,
            "since": render_time(self.since),
            "until": render_time(self.until),
        }
