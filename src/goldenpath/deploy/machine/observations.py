"""What the supervisor observes. The audit log records it; the log itself is in a higher layer."""

from dataclasses import dataclass
from typing import Literal

from goldenpath.deploy.machine.routing import RouteChanged
from goldenpath.deploy.machine.server_process import ServerEvent
from goldenpath.deploy.reconcile.verdicts import RefusedRelease
from goldenpath.processes.child import Message


@dataclass(frozen=True, slots=True)
class Platformed:
    """The supervising process started, or is about to end in an orderly way."""

    kind: Literal["platform.started", "platform.stopped"]
    process: int
    seen: str = ""
    """When the run before was last alive; empty if there was none."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """A drift alarm of the observer, or its end: the values are as in the reference again."""

    message: Message


@dataclass(frozen=True, slots=True)
class Anchored:
    """The newest segment of the prediction log per replica: cutting off what is older shows."""

    heads: tuple[Message, ...]
    """The message of the observer about each of them."""


@dataclass(frozen=True, slots=True)
class Expired:
    """Records of the prediction log whose retention in their stage is over."""

    message: Message


@dataclass(frozen=True, slots=True)
class Warned:
    """A condition that a person has to look at now; reported once while it lasts."""

    name: str
    """`stage/model`; empty for the machine as a whole."""
    what: str
    message: str


Observation = (
    ServerEvent | RouteChanged | RefusedRelease | Platformed | Alarm | Anchored | Expired | Warned
)
"""What the audit log records. The log itself lives in a higher layer."""
