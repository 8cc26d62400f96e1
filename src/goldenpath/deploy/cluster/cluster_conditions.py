"""What is wrong with a cluster beside its deployments, in plain words: what runs goes on meanwhile.

Each function takes answers and returns sentences. What could not be asked is a sentence too, and is
never taken for "nothing is wrong".
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from goldenpath.canonical import JsonValue
from goldenpath.deploy.cluster.api_fields import entries, members
from goldenpath.deploy.cluster.api_server import ClusterReader
from goldenpath.deploy.cluster.kubectl import ClusterAnswer, TriedObject
from goldenpath.promote.manifests.object_names import namespace_of

CLOCK_LIMIT = timedelta(minutes=2)
"""A kubelet renews its lease every 10 s, by the clock of its node."""
_LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
_NODES = "/api/v1/nodes"
_JOBS = "/apis/batch/v1/namespaces/{}/jobs"
_WATCHED = ("judge", "witness")
_SHOWN = 400


@dataclass(frozen=True, slots=True)
class ClusterCondition:
    """One sentence about the cluster."""

    about: Literal["follower", "policy engine", "node", "pod", "job"]
    message: str
    is_known: bool = True
    """False if it could not be found out."""


@dataclass(frozen=True, slots=True)
class NodeAnswers:
    """What the API server answered about its nodes."""

    nodes: ClusterAnswer
    leases: ClusterAnswer


def read_nodes(reader: ClusterReader) -> NodeAnswers:
    """Ask for the nodes and for the leases that their kubelets renew."""
    return NodeAnswers(reader.get(_NODES), reader.get(_LEASES))


def read_jobs(reader: ClusterReader, stage: str) -> ClusterAnswer:
    """Ask for the jobs of a stage."""
    return reader.get(_JOBS.format(namespace_of(stage)))


def node_conditions(answers: NodeAnswers, now: datetime) -> Iterator[ClusterCondition]:
    """Yield each node that does not answer, and each whose clock is wrong."""
    for answer, what in ((answers.nodes, "nodes"), (answers.leases, "leases of nodes")):
        if answer.state != "found":
            reason = answer.reason or "there are none"
            yield ClusterCondition("node", f"the {what} could not be read: {reason}", False)
            return
    renewed = {
        _name(each): str(members(each.get("spec")).get("renewTime", ""))
        for each in entries(answers.leases.value.get("items"))
    }
    for node in entries(answers.nodes.value.get("items")):
        name, ready = _name(node), _ready(node)
        if ready.get("status") != "True":
            yield ClusterCondition(
                "node",
                f"node {name} does not answer ({ready.get('reason', 'no reason')}): nothing new "
                "starts there, and what runs there goes on unobserved",
            )
            continue
        last = _moment(renewed.get(name, ""))
        if last is None:
            yield ClusterCondition("node", f"node {name} has no lease that can be read", False)
        elif abs(last - now) > CLOCK_LIMIT:
            way = "ahead of" if last > now else "behind"
            minutes = round(abs(last - now).total_seconds() / 60)
            yield ClusterCondition(
                "node",
                f"the clock of node {name} is {minutes} minutes {way} the one here: "
                "times in records and logs of its pods are wrong by that",
            )


def pod_conditions(stage: str, pods: ClusterAnswer) -> Iterator[ClusterCondition]:
    """Yield each pod of a stage that no controller made, so that a person started it."""
    for pod in entries(pods.value.get("items")):
        metadata = members(pod.get("metadata"))
        owners = entries(metadata.get("ownerReferences"))
        if not any(each.get("controller") for each in owners):
            yield ClusterCondition(
                "pod",
                f"pod {metadata.get('name')} in {namespace_of(stage)} belongs to no controller: "
                "somebody started it by hand, and no commit declares it",
            )


def engine_condition(service: str, tried: TriedObject) -> ClusterCondition | None:
    """Return why a service that git declares would not start anew; None if it would.

    `tried` is what became of creating it as a dry run. Admission comes before the name is looked
    up, so a service that exists already was admitted.
    """
    message = tried.message
    if tried.state == "admitted" or "AlreadyExists" in message or "already exists" in message:
        return None
    if "failed calling webhook" in message:
        return ClusterCondition(
            "policy engine",
            f"the policy engine does not answer: nothing new starts, and what runs goes on "
            f"({message[-_SHOWN:]})",
        )
    if tried.state == "refused":
        return ClusterCondition(
            "policy engine", f"{service} runs on, and would not start anew: {message[:_SHOWN]}"
        )
    text = f"whether {service} would start anew could not be tried: {message[:_SHOWN]}"
    return ClusterCondition("policy engine", text, False)


def job_conditions(
    stage: str, jobs: ClusterAnswer, pods: ClusterAnswer
) -> Iterator[ClusterCondition]:
    """Yield the newest run of the judge and of the witness of a stage, if it failed, with why."""
    if jobs.state == "unknown":
        yield ClusterCondition("job", f"jobs of {stage} could not be read: {jobs.reason}", False)
        return
    for app in _WATCHED:
        runs = [each for each in entries(jobs.value.get("items")) if _app(each) == app]
        ended = [each for each in runs if _condition(each, "Complete", "Failed")]
        newest = max(ended, key=_created, default=None)
        if newest is None or not _condition(newest, "Failed"):
            continue
        reason = _last_words(_name(newest), pods) or "its pod is gone and left no reason"
        yield ClusterCondition(
            "job", f"the {app} of {stage} failed at {_created(newest)}: {reason}"
        )


def _last_words(job: str, pods: ClusterAnswer) -> str:
    """Return what the container of a job wrote last; the kubelet keeps the end of its log."""
    for pod in entries(pods.value.get("items")):
        labels = members(members(pod.get("metadata")).get("labels"))
        if job not in (labels.get("batch.kubernetes.io/job-name"), labels.get("job-name")):
            continue
        for container in entries(members(pod.get("status")).get("containerStatuses")):
            ended = members(members(container.get("state")).get("terminated"))
            message = str(ended.get("message") or ended.get("reason") or "")
            if ended.get("exitCode"):
                words = " ".join(message.split())[-_SHOWN:]
                return f"exit code {ended.get('exitCode')}: {words}"
    return ""


def _app(job: Mapping[str, JsonValue]) -> str:
    template = members(members(job.get("spec")).get("template"))
    return str(members(members(template.get("metadata")).get("labels")).get("app", ""))


def _condition(job: Mapping[str, JsonValue], *kinds: str) -> bool:
    return any(
        each.get("type") in kinds and each.get("status") == "True"
        for each in entries(members(job.get("status")).get("conditions"))
    )


def _created(job: Mapping[str, JsonValue]) -> str:
    return str(members(job.get("metadata")).get("creationTimestamp", ""))


def _ready(node: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
    conditions = entries(members(node.get("status")).get("conditions"))
    return next((each for each in conditions if each.get("type") == "Ready"), {})


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def _name(item: Mapping[str, JsonValue]) -> str:
    return str(members(item.get("metadata")).get("name", ""))
