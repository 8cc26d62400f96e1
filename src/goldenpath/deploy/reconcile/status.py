"""Desired state, observed state and conditions: the record that `goldenpath up` publishes."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import msgspec

from goldenpath.canonical import MAX_DOCUMENT
from goldenpath.deploy.reconcile.target import ColdStarts, Running
from goldenpath.errors import InvalidInput
from goldenpath.files import publish_always
from goldenpath.parsers.typed import decode_record, read_bounded
from goldenpath.promote.manifests.desired import Deployment, Mark
from goldenpath.stored_formats import STATUS

_READS = 3
ConditionType = Literal["Ready", "Reconciling", "Stalled"]


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of a deployment or of the whole machine, as Kubernetes defines them."""

    type: ConditionType
    holds: bool
    reason: str
    """A CamelCase word for programs."""
    message: str
    """A sentence for people."""
    since: str
    """When `holds` last changed; RFC 3339, UTC."""


@dataclass(frozen=True, slots=True)
class SlotStatus:
    """One release of a deployment."""

    name: str
    digest: str
    percent: int


@dataclass(frozen=True, slots=True)
class DeploymentStatus:
    """One model in one stage."""

    name: str
    wanted: tuple[SlotStatus, ...]
    """The releases that git declares; empty if it declares none or cannot be read."""
    running: tuple[SlotStatus, ...]
    """The releases that were applied last; empty if none were."""
    phase: str
    conditions: tuple[Condition, ...]
    cold_starts: ColdStarts | None = None
    """Counted since `up` started; None before the first one."""
    marks: tuple[Mark, ...] = ()
    """A hold or a break-glass record."""
    is_retried: bool = False
    """Whether a refused release is checked again by itself: evidence may still arrive."""
    standby: str = ""
    """The digest of the release before, which runs without traffic; empty if there is none."""


@dataclass(frozen=True, slots=True)
class Status:
    """The state of the machine at one moment."""

    time: str
    process: int
    commit: str
    """The commit that is followed: the newest trusted one."""
    gateway: str
    deployments: tuple[DeploymentStatus, ...]
    conditions: tuple[Condition, ...]
    """Conditions of the machine as a whole."""
    ignored: tuple[str, ...] = ()
    """Fields of InferenceServices that this machine does not support."""
    tallies: Mapping[str, Mapping[str, int | list[int]]] | None = None
    """Counters of the gateway per `stage/model/slot`."""
    answers: Mapping[str, Mapping[str, tuple[int, int]]] | None = None
    """Outcomes of releases where there is a canary: hits and total per `stage/model/slot`."""
    marks: tuple[Mark, ...] = ()
    """Freezes of stages."""
    scheme: Literal["http", "https"] = "http"
    """Scheme of the gateway's address."""
    time_note: str = ""
    """A sentence about commits whose time nobody but their authors knows; empty for none."""
    answering: tuple[str, ...] = ()
    """Deployments that some server answers for, or that sleep until a request comes."""
    version: int = STATUS.version

    @property
    def is_settled(self) -> bool:
        """Whether nothing is in progress: all is ready, or waits for a change in git."""
        return bool(self.gateway) and not any(
            each.holds and each.type == "Reconciling" for each in self.all_conditions()
        )

    @property
    def may_change(self) -> bool:
        """Whether waiting may make it ready: something is in progress, or is checked again."""
        is_open = not self.is_settled or any(each.is_retried for each in self.deployments)
        return is_open and not self.is_ready

    @property
    def is_ready(self) -> bool:
        """Whether everything that git declares runs."""
        return all(each.holds == (each.type == "Ready") for each in self.all_conditions())

    def all_conditions(self) -> tuple[Condition, ...]:
        """Return the conditions of the machine and of every deployment."""
        of_each = (condition for each in self.deployments for condition in each.conditions)
        return (*self.conditions, *of_each)


@dataclass(frozen=True, slots=True)
class StallReason:
    """Why a deployment does not become ready, or not yet."""

    reason: str
    message: str
    is_final: bool
    """Whether nothing is in progress any more."""
    is_retried: bool = False
    """Whether a final fault is checked again all the same, since evidence may still arrive."""


def describe(
    name: str,
    desired: Deployment | None,
    running: Running | None,
    fault: StallReason | None,
    *,
    since: str,
    marks: tuple[Mark, ...] = (),
) -> DeploymentStatus:
    """Return the status of one deployment."""
    agrees = (
        running is not None
        and desired is not None
        and running.deployment == desired
        and running.phase in ("ready", "asleep", "stopped")
    )
    if fault is None and running is not None and running.phase == "failed":
        fault = StallReason("ServerFailed", running.message, is_final=False)
    return DeploymentStatus(
        name,
        slots(desired),
        slots(running.deployment if running else None),
        running.phase if running else "absent",
        judge(agrees, fault, running.message if running else "", since),
        running.cold_starts if running else None,
        marks,
        fault is not None and fault.is_retried,
        "" if running is None or running.deployment.standby is None
        else str(running.deployment.standby.digest),
    )  # fmt: skip


def judge(
    agrees: bool,
    fault: StallReason | None,
    progress: str,
    since: str,
    *,
    agreed: str = "what runs is what git declares",
) -> tuple[Condition, ...]:
    """Return the three conditions that follow from agreement and fault."""
    stalled = fault is not None and fault.is_final
    if fault is not None:
        ready = Condition("Ready", False, fault.reason, fault.message, since)
    elif agrees:
        ready = Condition("Ready", True, "Agrees", agreed, since)
    else:
        ready = Condition("Ready", False, "Progressing", progress or "on its way", since)
    moving = not agrees and not stalled
    reason, message = (fault.reason, fault.message) if fault is not None else ("", "")
    return (
        ready,
        Condition("Reconciling", moving, ready.reason if moving else "", message if moving else "",
                  since),
        Condition("Stalled", stalled, reason if stalled else "", message if stalled else "", since),
    )  # fmt: skip


def slots(deployment: Deployment | None) -> tuple[SlotStatus, ...]:
    """Return the releases of a deployment, as the status shows them."""
    if deployment is None:
        return ()
    return tuple(SlotStatus(each.name, str(each.digest), each.percent) for each in deployment.slots)


def since_before(now: Status, before: Status | None) -> Status:
    """Return `now` with the times of unchanged conditions taken over from `before`."""
    if before is None:
        return now
    known = {each.name: each.conditions for each in before.deployments}
    deployments = tuple(
        replace(each, conditions=_carried(each.conditions, known.get(each.name, ())))
        for each in now.deployments
    )
    return replace(
        now, deployments=deployments, conditions=_carried(now.conditions, before.conditions)
    )


def _carried(now: tuple[Condition, ...], before: tuple[Condition, ...]) -> tuple[Condition, ...]:
    old = {(each.type, each.holds): each.since for each in before}
    return tuple(replace(each, since=old.get((each.type, each.holds), each.since)) for each in now)


def write_status(status: Status, path: Path) -> None:
    """Publish the status, also on a full disk. It describes one moment, so it needs no fsync."""
    publish_always(path, msgspec.json.encode(status))


class _Versioned(msgspec.Struct):
    version: int = 0


def read_status(path: Path) -> Status | None:
    """Return the status that was published last; None if there is none. Raises `InvalidInput`."""
    for _ in range(_READS):
        # On a full disk it is overwritten, so that one reading may meet half of it.
        with suppress(InvalidInput):
            return _read_once(path)
    return _read_once(path)


def _read_once(path: Path) -> Status | None:
    try:
        content = read_bounded(path, MAX_DOCUMENT)
    except FileNotFoundError:
        return None
    STATUS.refuse_newer(decode_record(content, _Versioned, str(path)).version, str(path))
    return decode_record(content, Status, str(path), hint="restart goldenpath up")
