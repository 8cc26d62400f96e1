"""Looks at a cluster again and again, and records what is so in the audit log of a home.

The events are those of one machine, so `at`, `trace`, `inventory`, the report and the console need
to know nothing about clusters. The log is signed as on a machine: a witness signs its heads.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import cast

from goldenpath.audit.events.event import Event, Kind
from goldenpath.audit.events.event_log import EventLog
from goldenpath.canonical import JsonValue
from goldenpath.compose.gitops_access import gitops
from goldenpath.compose.inventory_watch import desired
from goldenpath.compose.process_context import commit_events, event_log, now
from goldenpath.deploy.cluster.api_fields import members
from goldenpath.deploy.cluster.api_server import ClusterReader
from goldenpath.deploy.cluster.cluster_status import read_stages
from goldenpath.deploy.cluster.observed_releases import ObservedModel, changes, observe_stage
from goldenpath.deploy.reconcile.status import (
    StallReason,
    Status,
    describe,
    judge,
    read_status,
    write_status,
)
from goldenpath.deploy.reconcile.target import Running
from goldenpath.digest import Digest
from goldenpath.errors import GoldenPathError, InvalidInput, Unavailable
from goldenpath.home import Home
from goldenpath.promote.manifests.deployment_files import Survey
from goldenpath.promote.manifests.desired import Deployment, Slot, slot_name
from goldenpath.promote.repository.chain_of_trust import Trusted
from goldenpath.times import timestamp

BLIND = timedelta(seconds=90)
"""After so long without an answer it is not known what ran meanwhile, and the log says so."""
_NAMESPACE = "/api/v1/namespaces/goldenpath"


@dataclass(slots=True)
class _Memory:
    """What was recorded last."""

    models: Mapping[str, ObservedModel]
    seen: datetime | None = None
    """When the cluster answered last; None if it has not since this process began."""


class ClusterObserver:
    """One process that observes one cluster. It only reads there.

    Its end is no event: what runs in the cluster goes on, and nobody knows how. The next one says
    when it was seen last.
    """

    def __init__(
        self, home: Home, reader: ClusterReader, clock: Callable[[], datetime] = now
    ) -> None:
        self._home = home
        self._reader = reader
        self._clock = clock
        self._log: EventLog = event_log(home)
        self._memory = _Memory({})
        self._cluster = ""

    def look(self) -> Status:
        """Look once, record what changed, and publish the state as `up` does.

        Raises `Unavailable` if the cluster or git cannot be asked, and `InvalidInput` if the log is
        that of another cluster: then nothing is recorded.
        """
        trusted, survey = desired(self._home)
        stages = sorted(stage.name for stage in trusted.platform.stages)
        cluster = self._identity()
        answers = read_stages(self._reader, stages)
        observed: dict[str, ObservedModel] = {}
        for stage in stages:
            observed |= observe_stage(stage, answers[stage], survey.deployments)
        moment = self._clock()
        commit_events(self._home, gitops(self._home)).catch_up(trusted.commit)
        if self._memory.seen is None or moment - self._memory.seen > BLIND:
            self._begin(cluster, trusted.commit, moment)
        for change in changes(self._memory.models, observed):
            self._log.append(
                Event(
                    timestamp(moment), cast("Kind", change.kind), "system", change.stage,
                    change.model, change.digest, trusted.commit, dict(change.details),
                )
            )  # fmt: skip
        self._memory = _Memory(observed, moment)
        status = _status(trusted, survey, observed, moment)
        write_status(status, self._home.run / "status.json")
        return status

    def _identity(self) -> str:
        """Return the identity of the cluster. Raises `InvalidInput` if the log has another one."""
        answer = self._reader.get(_NAMESPACE)
        identity = members(answer.value.get("metadata")).get("uid")
        if not isinstance(identity, str) or not identity:
            raise Unavailable(f"the cluster could not be asked who it is: {answer.reason}")
        recorded = self._cluster or self._recorded_cluster()
        if recorded and recorded != identity:
            raise InvalidInput(
                f"the audit log in {self._home.events} is that of another cluster: it names "
                f"{recorded}, and this one is {identity}",
                hint="give each cluster a home of its own",
            )
        self._cluster = identity
        return identity

    def _recorded_cluster(self) -> str:
        named = [
            str(event.details["cluster"])
            for event in self._log.read()
            if event.kind == "platform.started" and event.details and "cluster" in event.details
        ]
        return named[-1] if named else ""

    def _begin(self, cluster: str, commit: str, moment: datetime) -> None:
        """Record that it is seen anew; what ran since the last look is not known."""
        last = self._memory.seen
        details: dict[str, JsonValue] = {
            "process": os.getpid(), "orderly": True, "cluster": cluster,
        }  # fmt: skip
        seen = timestamp(last) if last is not None else _published(self._home)
        if seen:
            details["seen"] = seen
        event = Event(timestamp(moment), "platform.started", "system", commit=commit)
        self._log.append(replace(event, details=details))
        self._memory = _Memory({})


def _published(home: Home) -> str:
    """Return when the run before was last known to look."""
    try:
        before = read_status(home.run / "status.json")
    except GoldenPathError:
        return ""  # a power cut in the middle of it
    return timestamp(datetime.fromisoformat(before.time)) if before is not None else ""


def _status(
    trusted: Trusted, survey: Survey, observed: Mapping[str, ObservedModel], moment: datetime
) -> Status:
    since = moment.isoformat()
    declared = {each.name: each for each in survey.deployments}
    deployments = tuple(
        describe(
            name,
            declared.get(name),
            _running(name, declared.get(name), observed.get(name)),
            StallReason("Malformed", survey.problems[name], is_final=True)
            if name in survey.problems
            else None,
            since=since,
        )
        for name in sorted({*declared, *survey.problems, *observed})
    )
    conditions = judge(True, None, "", since, agreed="the newest trusted commit of git is followed")
    return Status(
        time=since,
        process=os.getpid(),
        commit=trusted.commit,
        gateway=trusted.platform.cluster.gateway,
        deployments=deployments,
        conditions=conditions,
        answering=tuple(sorted(name for name, model in observed.items() if model.pods)),
    )


def _running(name: str, wanted: Deployment | None, model: ObservedModel | None) -> Running | None:
    """Return what runs of a deployment: exactly what is wanted, or what the route says."""
    if model is None:
        return None
    ready = {pod.digest for pod in model.pods.values()}
    if wanted is not None:
        shares = {str(slot.digest): slot.percent for slot in wanted.slots}
        needed = {str(slot.digest) for slot in wanted.releases}
        if dict(model.route) == shares and needed <= ready:
            return Running(wanted, "ready")
    stage, _, own = name.partition("/")
    slots = tuple(
        Slot(slot_name(Digest(digest)), Digest(digest), percent) for digest, percent in model.route
    )
    missing = sorted(digest[:19] for digest, _ in model.route if digest not in ready)
    message = f"no pod is Ready of {', '.join(missing)}" if missing else "the route differs"
    return Running(Deployment(stage, own, slots), "starting", message)
