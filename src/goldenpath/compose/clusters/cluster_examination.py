"""A cluster held against the platform that it is to follow, and against what git declares."""

from goldenpath.compose.gitops_access import trusted
from goldenpath.compose.inventory_watch import desired
from goldenpath.compose.process_context import now
from goldenpath.deploy.cluster.cluster_checks import ClusterFinding, judge_cluster
from goldenpath.deploy.cluster.cluster_facts import ClusterWish, read_facts
from goldenpath.deploy.cluster.cluster_status import (
    ClusterDeployment,
    judge_deployment,
    read_applications,
    read_stages,
)
from goldenpath.deploy.cluster.kubectl import Kubectl
from goldenpath.errors import Unavailable
from goldenpath.home import Home


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


def cluster_status(home: Home, context: str) -> tuple[str, tuple[ClusterDeployment, ...]]:
    """Return the newest trusted commit, and what the cluster of a context makes of it.

    A deployment whose files cannot be read is in it as well, with the reason. Raises `Unavailable`
    if the cluster does not answer at all.
    """
    known, survey = desired(home)
    kubectl = Kubectl(context)
    answer = kubectl.get("/version")
    if answer.state == "unknown":
        raise Unavailable(
            f"the cluster could not be asked: {answer.reason}",
            hint="name a context of your kubeconfig with --context",
        )
    stages = read_stages(kubectl, sorted({each.stage for each in survey.deployments}))
    applications = read_applications(kubectl)
    read = [
        judge_deployment(each, stages[each.stage], applications, known.commit)
        for each in survey.deployments
    ]
    unread = [
        ClusterDeployment(name, "unknown", (), (problem,))
        for name, problem in survey.problems.items()
    ]
    return known.commit, tuple(sorted((*read, *unread), key=lambda each: each.name))
