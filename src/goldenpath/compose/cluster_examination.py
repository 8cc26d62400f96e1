"""A cluster held against the platform that it is to follow."""

from goldenpath.compose.gitops_access import trusted
from goldenpath.compose.process_context import now
from goldenpath.deploy.cluster.cluster_checks import ClusterFinding, judge_cluster
from goldenpath.deploy.cluster.cluster_facts import ClusterWish, read_facts
from goldenpath.deploy.cluster.kubectl import Kubectl
from goldenpath.home import Home


def examined(home: Home, context: str, gateway: str) -> tuple[ClusterFinding, ...]:
    """Return what the cluster of a kubeconfig context lacks or has wrong. It changes nothing.

    `gateway` is the namespace and name of the Gateway that the routes of models belong to.
    """
    platform = trusted(home).platform
    wish = ClusterWish(
        stages=tuple(stage.name for stage in platform.stages),
        registry_prefix=platform.registry_prefix,
        url=platform.url,
        gateway=gateway,
    )
    return judge_cluster(read_facts(Kubectl(context), wish, now), wish)
