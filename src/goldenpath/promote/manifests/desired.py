"""What git wants to run: deployments, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from goldenpath.digest import Digest
from goldenpath.promote.platform.break_glass import BreakGlass


@dataclass(frozen=True, slots=True)
class Slot:
    """One release of a deployment and its share of the traffic."""

    name: str
    """`r` and 12 hex digits of the digest: a valid KServe predictor name."""
    digest: Digest
    percent: int
    """0 to 100; 0 is a dark launch."""
    replicas: int = 1
    """At least so many servers; 0 lets them be stopped while nobody asks."""
    env: tuple[tuple[str, str], ...] = ()
    """Variables of its servers beside those of the platform."""
    memory: int = 0
    """Bytes that one server may use; 0 is as many as there are."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """How the servers of the stable release follow the traffic."""

    most: int = 0
    """At most so many servers; 0 is as many as `Slot.replicas` says."""
    target: int = 100
    """Requests at a time that one server is to have, as Knative's default says."""
    idle: float = 60.0
    """Seconds without a request after which there are fewer servers: Knative's window."""


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

    @property
    def name(self) -> str:
        """`stage/model`, unique on a platform."""
        return f"{self.stage}/{self.model}"


def slot_name(digest: Digest) -> str:
    """The predictor name of a release."""
    return "r" + digest.hex[:12]


@dataclass(frozen=True, slots=True)
class Rollout:
    """How a release takes over from the one before: shares of the traffic, and what must hold."""

    steps: tuple[int, ...] = (100,)
    """Rising percentages; the last is 100."""
    criteria: Mapping[str, float] = field(default_factory=dict)
    """Limits of the judge by name, as data; what they mean is said by the gateway's analysis."""
    judge: Literal["person", "auto"] = "person"
    """Who takes the next step, or the step back: a person, or the machine by its own verdict."""

    def after(self, percent: int) -> int:
        """The next step above `percent`; 100 behind the last one."""
        return next((step for step in self.steps if step > percent), 100)


@dataclass(frozen=True, slots=True)
class Restrictions:
    """What keeps a deployment as it is, as its release file says."""

    hold: str
    """Why; empty if it is not on hold."""
    glass: BreakGlass | None


MarkKind = Literal["hold", "freeze", "glass", "overdue"]


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that everybody who looks at a deployment or a stage should see."""

    kind: MarkKind
    message: str


@dataclass(frozen=True, slots=True)
class Placement:
    """How the newest release of a deployment got there: the content of `release.yaml`."""

    digest: Digest
    """The release that came in last: the canary while there is one, else the stable."""
    previous: Digest | None
    """What a rollback goes back to."""
    repository: str
    commit: str
    """The project's commit that the release was built from."""
    rollout: Rollout
    approvals: tuple[Digest, ...]
    """Envelopes of the approvals that counted."""
    decision: Digest | None
    """Envelope of the signed verdict of the gates; None for what no gate was asked about."""
    hold: str = ""
    """Why nothing moves on by itself; empty if it may."""
    rolled_back: Digest | None = None
    """The release that was taken back, if this is the state after a rollback."""
    glass: BreakGlass | None = None
    """Broken glass that nobody else has stood for yet."""
    judged: tuple[str, ...] = ()
    """Why the judge has held the canary at this step, each once."""
