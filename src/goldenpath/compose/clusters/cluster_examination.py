"""A cluster held against the platform that it is to follow, and against what git declares."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from goldenpath.compose.gitops_access import gitops, trusted, verified_branch
from goldenpath.compose.inventory_watch import desired
from goldenpath.compose.process_context import now
from goldenpath.deploy.cluster.api_fields import members
from goldenpath.deploy.cluster.api_server import ClusterReader
from goldenpath.deploy.cluster.cluster_checks import ClusterFinding, judge_cluster
from goldenpath.deploy.cluster.cluster_conditions import (
    ClusterCondition,
    engine_condition,
    job_conditions,
    node_conditions,
    pod_conditions,
    read_jobs,
    read_nodes,
)
from goldenpath.deploy.cluster.cluster_facts import ClusterWish, read_facts
from goldenpath.deploy.cluster.cluster_status import (
    ClusterDeployment,
    judge_deployment,
    read_applications,
    read_stages,
)
from goldenpath.deploy.cluster.follower_record import PATH, branch_faults, follower_faults
from goldenpath.deploy.cluster.kubectl import Kubectl
from goldenpath.deploy.reconcile.verified_branch import BranchState, VerifiedBranch, branch_head
from goldenpath.errors import GoldenPathError, Unavailable
from goldenpath.home import Home
from goldenpath.parsers.yaml_parser import parse_yaml
from goldenpath.promote.manifests.deployment_files import Survey, deployment_folder
from goldenpath.promote.manifests.object_names import namespace_of, service_name
from goldenpath.promote.repository.chain_of_trust import Trusted

_MOST_TRIED = 20
"""Deployments whose service is tried on the server: each costs a policy engine some tenths of s."""


def examined(home: Home, context: str, gateway: str) -> tuple[ClusterFinding, ...]:
    """Return what the cluster of a kubeconfig context lacks or has wrong. It changes nothing.

    `gateway` is the namespace and name of the Gateway that the routes of models belong to. If it is
    empty, that of `platform.toml` counts.
    """
    platform = trusted(home).platform
    wish = ClusterWish(
        stages=tuple(stage.name for stage in platform.stages),
        registry_prefix=platform.registry_prefix,
        url=platform.url,
        gateway=gateway or platform.cluster.gateway,
    )
    return judge_cluster(read_facts(Kubectl(context), wish, now), wish)


@dataclass(frozen=True, slots=True)
class ClusterState:
    """What a cluster makes of the newest trusted commit, and what is wrong with it."""

    commit: str
    conditions: tuple[ClusterCondition, ...]
    deployments: tuple[ClusterDeployment, ...]


def cluster_status(home: Home, context: str) -> ClusterState:
    """Return the newest trusted commit, and what the cluster of a context makes of it.

    A deployment whose files cannot be read is in it as well, with the reason. Raises `Unavailable`
    if the cluster does not answer at all.
    """
    kubectl = Kubectl(context)
    answer = kubectl.get("/version")
    if answer.state == "unknown":
        raise Unavailable(
            f"the cluster could not be asked: {answer.reason}",
            hint="name a context of your kubeconfig with --context",
        )
    known, survey = desired(home)
    stages = read_stages(kubectl, sorted(stage.name for stage in known.platform.stages))
    applications = read_applications(kubectl)
    branch = _branch(home, known)
    followed = known.commit if branch is None else branch.commit
    read = [
        judge_deployment(each, stages[each.stage], applications, followed)
        for each in survey.deployments
    ]
    unread = [
        ClusterDeployment(name, "unknown", (), (problem,))
        for name, problem in survey.problems.items()
    ]
    conditions = [
        *_follower(kubectl, branch, now()),
        *_engine(home, kubectl, known, survey),
        *node_conditions(read_nodes(kubectl), now()),
    ]
    for stage, answers in stages.items():
        conditions += pod_conditions(stage, answers.pods)
        conditions += job_conditions(stage, read_jobs(kubectl, stage), answers.pods)
    return ClusterState(
        known.commit,
        tuple(dict.fromkeys(conditions)),
        tuple(sorted((*read, *unread), key=lambda each: each.name)),
    )


def _branch(home: Home, known: Trusted) -> VerifiedBranch | None:
    """Return where git has the branch that the cluster follows; None if it follows `main`."""
    if not known.platform.admission_keys:
        return None
    try:
        head = branch_head(verified_branch(home))
    except GoldenPathError as error:
        return VerifiedBranch("", known.commit, "unknown", error.message)
    state: BranchState = "current" if head == known.commit else "waits"
    return VerifiedBranch(head, known.commit, state)


def _follower(
    reader: ClusterReader, branch: VerifiedBranch | None, moment: datetime
) -> Iterator[ClusterCondition]:
    if branch is None:
        return
    faults = list(follower_faults(reader.get(PATH), moment))
    is_named = any(branch.newest[:12] in fault for fault in faults)
    if branch.state != "current" and not is_named:
        reason = branch.reason or "the follower has not moved it yet"
        faults += branch_faults(replace(branch, reason=reason))
    yield from (ClusterCondition("follower", fault) for fault in faults)


def _engine(
    home: Home, kubectl: Kubectl, known: Trusted, survey: Survey
) -> Iterator[ClusterCondition]:
    """Try on the server, as a dry run, whether what gets traffic would start anew."""
    for deployment in survey.deployments[:_MOST_TRIED]:
        if deployment.form == "single" or deployment.stopped:
            continue
        name = service_name(deployment.model, deployment.slots[0].digest)
        path = f"{deployment_folder(deployment.stage, deployment.model)}/{name}.yaml"
        (content,) = gitops(home).deployment_files([f"{known.commit}:{path}"])
        item = dict(parse_yaml(content or b"", path))
        metadata = {**members(item.get("metadata")), "namespace": namespace_of(deployment.stage)}
        tried = kubectl.try_out({**item, "metadata": metadata})
        condition = engine_condition(f"{deployment.name} {name}", tried)
        if condition is not None:
            yield condition
