"""What the follower of a cluster says about itself: a ConfigMap that `status` reads."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from goldenpath.deploy.cluster.api_fields import members
from goldenpath.deploy.cluster.kubectl import ClusterAnswer
from goldenpath.deploy.reconcile.verified_branch import VerifiedBranch
from goldenpath.times import timestamp

NAME = "goldenpath-reconcile"
PATH = f"/api/v1/namespaces/goldenpath/configmaps/{NAME}"
SILENT = timedelta(minutes=5)
"""A follower looks every minute: after this long without a word it is away, or hangs."""
_MEMBER = "status"


@dataclass(frozen=True, slots=True)
class FollowerRecord:
    """One pass of the follower, as it wrote it down."""

    time: str
    """RFC 3339."""
    branch: VerifiedBranch
    faults: tuple[str, ...] = ()
    """What the follower could not do, a sentence each."""


def rendered_record(record: FollowerRecord) -> Mapping[str, str]:
    """Return the data of the ConfigMap."""
    return {_MEMBER: msgspec.json.encode(record).decode()}


def follower_faults(answer: ClusterAnswer, now: datetime) -> Iterator[str]:
    """Yield in plain words what is wrong with the follower, or with what it saw."""
    if answer.state == "unknown":
        yield f"the follower of the cluster could not be asked: {answer.reason}"
        return
    text = members(answer.value.get("data")).get(_MEMBER)
    if not isinstance(text, str):
        yield "no follower runs in the cluster: nothing new is admitted, and what runs goes on"
        return
    try:
        record = msgspec.json.decode(text, type=FollowerRecord)
        last = datetime.fromisoformat(record.time)
        silent = now - last
    except (msgspec.MsgspecError, ValueError, TypeError):
        yield f"the ConfigMap {NAME} holds no record of a follower"
        return
    if silent > SILENT:
        yield (
            f"the follower of the cluster has said nothing since {timestamp(last)}: nothing new is "
            "admitted, and what runs goes on"
        )
    elif -silent > SILENT:
        yield (
            f"the follower of the cluster wrote at {timestamp(last)}, which is in the future: its "
            "clock or the one here is wrong"
        )
    yield from branch_faults(record.branch)
    yield from record.faults


def branch_faults(branch: VerifiedBranch) -> Iterator[str]:
    """Yield why the branch `verified` is not at the newest trusted commit."""
    where = branch.commit[:12] or "not there"
    if branch.state != "current":
        yield f"the branch verified is {where}, main is at {branch.newest[:12]}: {branch.reason}"
