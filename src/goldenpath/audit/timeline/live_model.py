"""What was intended and observed of one model in one stage at one time, as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from goldenpath.promote.manifests.desired import Slot
from goldenpath.promote.platform.break_glass import BreakGlass

Certainty = Literal["certain", "uncertain", "unknown"]
Absence = Literal["", "removed", "retired", "stopped"]
"""Why a commit places no release; empty if it places one."""


@dataclass(frozen=True, slots=True)
class Intent:
    """One commit that sets the releases of a model in a stage."""

    time: datetime
    """When the commit came to `main`."""
    stage: str
    model: str
    commit: str
    slots: tuple[Slot, ...]
    """Empty if the commit removes the model from the stage."""
    author: str
    """The name that the commit claims. It proves nothing; the signer does."""
    signer: str
    """The signer as listed in `platform.toml` at that commit. Empty if no listed key signed."""
    decision: str = ""
    """Digest of the decision that the commit message names; empty if no such decision is signed."""
    approved_by: tuple[str, ...] = ()
    """People whose signed approvals the newest release had by then; never from the message."""
    reason: str = ""
    approvals_needed: int = 0
    """The number of approvals that the stage required at that commit."""
    glass: BreakGlass | None = None
    """The break-glass record, as long as no second person confirmed the release."""
    approvals_unknown: str = ""
    """Why it is not known who approved; empty if it is."""
    second: str = ""
    """The person who confirmed the release after a break-glass promotion."""
    time_by: str = "by its author's clock"
    """Whose time it is, in a few words."""
    before: str = ""
    """The stable release of the stage before the newest one entered; empty if there was none."""
    approved_own: tuple[str, ...] = ()
    """People whose approval does not count, because they wrote a part of the change."""
    absence: Absence = ""
    standby: str = ""
    """The release that keeps running without traffic; empty if there is none."""


@dataclass(frozen=True, slots=True)
class TrafficShare:
    """One release that could have answered, with its share of the traffic in percent."""

    digest: str
    slot: str
    intended: int | None
    """Its share in git. None if git does not name the release."""
    observed: int | None
    """Its share in the route. None if no route names it."""
    replicas: int
    """The number of its servers that were up."""
    since: datetime | None
    certainty: Certainty
    answers: int | None = None
    """Recorded predictions in the minute around the time. None if they were not counted."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A disagreement between two sources."""

    kind: Literal[
        "live without commit",
        "live without approval",
        "approvals not known",
        "glass broken",
        "commit not signed",
        "intended but not live",
        "share differs",
        "ghost release",
        "answers without server",
        "log damaged",
        "log gone",
    ]
    message: str


@dataclass(frozen=True, slots=True)
class LiveModel:
    """One model in one stage at one time."""

    stage: str
    model: str
    time: datetime
    shares: tuple[TrafficShare, ...]
    """By share, the largest first."""
    intent: Intent | None
    """The commit in force. None if no commit had placed the model by then."""
    certainty: Certainty
    seen_until: datetime | None
    """The last sign of life before the time, if the certainty is not `certain`."""
    mismatches: tuple[Mismatch, ...]
    uses: Mapping[str, int] | None = None
    """Predictions of that minute by business process. None if they were not counted."""
    transition: str = ""
    """Why intended and observed may differ at that time without a fault; empty if they may not."""
