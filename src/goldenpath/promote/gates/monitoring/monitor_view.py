"""What the monitors of a machine know about a model: findings, and what was counted.

No finding is good news only about a release that is counted. So the view also says which releases
the monitors counted, and what could not be read.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from goldenpath.promote.platform.platform import Platform

Deployed = tuple[str, str]
"""A stage, and the digest of a release in it."""


@dataclass(frozen=True, slots=True)
class MonitorFinding:
    """One finding of a monitor, and whether its end can be believed."""

    id: str
    kind: str
    stage: str
    release: str
    """Its digest."""
    sentence: str
    opened_at: datetime | None
    """None if nobody can read the time, which makes it the older one."""
    ended_at: datetime | None = None
    """When the monitor resolved it or a listed person closed it; None while it is open."""
    closed_by: str = ""
    """The person whose signature closed it."""
    reason: str = ""
    owner: str = ""
    open_again: datetime | None = None
    """When what ended it ends itself; None if it does not."""

    def is_open(self, moment: datetime) -> bool:
        """Whether it had been opened by a moment and nothing had ended it."""
        if self.opened_at is not None and self.opened_at > moment:
            return False
        if self.open_again is not None and self.open_again <= moment:
            return True
        return self.ended_at is None or self.ended_at > moment


@dataclass(frozen=True, slots=True)
class MonitorView:
    """The findings about one model, ended ones included."""

    findings: tuple[MonitorFinding, ...] = ()
    counted: Mapping[Deployed, str] = field(default_factory=dict)
    """When each deployment was counted last, RFC 3339 in UTC."""
    unread: tuple[str, ...] = ()
    """What could not be read, as sentences."""


MonitorReader = Callable[["Platform", str], MonitorView]
"""Reads what the monitors of this machine know about a model, by the people of a platform."""
