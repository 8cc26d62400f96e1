"""The desired state as values: what git declares for each stage."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from goldenpath.digest import Digest
from goldenpath.promote.platform.break_glass import BreakGlass
from goldenpath.promote.platform.platform import Platform


@dataclass(frozen=True, slots=True)
class Slot:
    """One release of a deployment and its share of the traffic."""

    name: str
    """`r` and 12 hex digits of the digest: a valid KServe predictor name."""
    digest: Digest
    percent: int
    """0 to 100; 0 is a dark launch."""
    replicas: int = 1
    """The lowest number of servers; with 0 they are stopped while there are no requests."""
    env: tuple[tuple[str, str], ...] = ()
    """Environment variables of its servers, beside those of the platform."""
    memory: int = 0
    """Bytes of memory that one server may use; 0 means no limit."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """How the number of servers of the stable release follows the traffic."""

    most: int = 0
    """The highest number of servers; 0 means always `Slot.replicas`."""
    target: int = 100
    """Concurrent requests for each server; the default is Knative's."""
    idle: float = 60.0
    """Seconds without a request until there are fewer servers; the default is Knative's."""


FileForm = Literal["routed", "single"]
"""How git holds a deployment: a service for each release and one route, or all in one service."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """One model in one stage. The first slot is the stable release, the others are canaries."""

    stage: str
    model: str
    slots: tuple[Slot, ...]
    """Percentages add up to 100."""
    stopped: bool = False
    """`serving.kserve.io/stop`: everything stays declared, nothing runs."""
    scaling: Scaling = Scaling()
    standby: Slot | None = None
    """The release before, which keeps running without traffic until the next promotion."""
    form: FileForm = "routed"

    @property
    def name(self) -> str:
        """`stage/model`, unique on a platform."""
        return f"{self.stage}/{self.model}"

    @property
    def releases(self) -> tuple[Slot, ...]:
        """Every release that git declares here: those with traffic, and the one before."""
        return self.slots if self.standby is None else (*self.slots, self.standby)

    def moved_to(self, slots: tuple[Slot, ...]) -> "Deployment":
        """Return the deployment with these slots, and the release that is the one before then.

        What loses its traffic stays on standby, so that a rollback is one change of one route. A
        release that enters ends the standby of an older one. The form of one file has no standby.
        """
        staying = {slot.digest for slot in slots}
        left = [slot for slot in self.slots if slot.digest not in staying]
        has_entered = not staying <= {slot.digest for slot in self.releases}
        standby = self.standby
        if left:
            standby = replace(left[0], percent=0)
        elif has_entered or (standby is not None and standby.digest in staying):
            standby = None
        return replace(self, slots=slots, standby=standby if self.form == "routed" else None)


def slot_name(digest: Digest) -> str:
    """Return the predictor name of a release."""
    return "r" + digest.hex[:12]


@dataclass(frozen=True, slots=True)
class Rollout:
    """The plan by which a release replaces the one before: traffic shares, criteria and judge."""

    steps: tuple[int, ...] = (100,)
    """Rising percentages; the last is 100."""
    criteria: Mapping[str, float] = field(default_factory=dict)
    """Limits of the canary judge by name; `canary.analysis.Criteria` explains them."""
    judge: Literal["person", "auto"] = "person"
    """Who takes the next step or rolls back: a person, or the machine by the judge's verdict."""

    def after(self, percent: int) -> int:
        """Return the next step above `percent`; 100 after the last one."""
        return next((step for step in self.steps if step > percent), 100)


@dataclass(frozen=True, slots=True)
class Restrictions:
    """What keeps a deployment as it is, from its release file."""

    hold: str
    """The reason for the hold; empty if it is not on hold."""
    break_glass: BreakGlass | None


MarkKind = Literal["hold", "freeze", "glass", "overdue", "today"]
"""`glass` is open break-glass; scripts read these names in `--output json`."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A note that is shown wherever a deployment or a stage is shown."""

    kind: MarkKind
    message: str


@dataclass(frozen=True, slots=True)
class Placement:
    """How the newest release got into a deployment: the content of `release.yaml`."""

    digest: Digest
    """The release that entered last: the canary if there is one, else the stable release."""
    previous: Digest | None
    """The release that a rollback goes back to."""
    repository: str
    commit: str
    """The project's commit that the release was built from."""
    rollout: Rollout
    approvals: tuple[Digest, ...]
    """Envelopes of the approvals that the promotion relies on."""
    decision: Digest | None
    """Envelope of the signed decision of the gates; None if no gate was asked."""
    hold: str = ""
    """The reason for the hold; empty if it is not on hold."""
    rolled_back: Digest | None = None
    """The release that was taken away, if this is the state after a rollback."""
    break_glass: BreakGlass | None = None
    """The break-glass record that no second person has approved yet."""
    judged: tuple[str, ...] = ()
    """The states in which the judge has held the canary at this step, each once."""

    def gone_back(self, to: Digest, taken: Digest) -> "Placement":
        """Return the file after a rollback, which names no promotion of its own."""
        return Placement(
            digest=to,
            previous=None,
            repository="",
            commit="",
            rollout=self.rollout,
            approvals=(),
            decision=None,
            rolled_back=taken,
            hold=self.hold,
        )


@dataclass(frozen=True, slots=True)
class StageEntry:
    """One commit that brought a release into a stage, and what git declared before it."""

    commit: str
    time: datetime
    """When it entered. Gates, approvals and waivers are judged as of this time."""
    live: Digest | None
    """The stable release of the stage before the commit; None if it did not run the model."""
    before_since: datetime | None
    """Since when the release was the stable one of the previous stage; None if it was not."""
    platform: Platform | None = None
    """The platform file in force at the commit; None if nobody read it."""
