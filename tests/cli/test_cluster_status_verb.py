"""`goldenpath status --target kubernetes`: what git declares, the cluster, and what is wrong."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from goldenpath import compose
from goldenpath.deploy.cluster.follower_record import FollowerRecord, rendered_record
from goldenpath.deploy.reconcile.verified_branch import VerifiedBranch
from goldenpath.home import Home
from goldenpath.promote.manifests.object_names import namespace_of
from goldenpath.times import timestamp
from tests.cli.conftest import Town
from tests.cli.saying import Command
from tests.deploy.cluster.cluster_objects import RECORD, begin, put, serve
from tests.deploy.cluster.fake_api_server import FakeApiServer, fake_api_server
from tests.deploy.cluster.fake_kubectl import install_kubectl

STATUS = ("status", "--target", "kubernetes", "--output", "json")
NODES = "/api/v1/nodes"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
APPLICATIONS = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications"
ACTOR = "platform-engineer"


def _node(moment: datetime) -> tuple[list[Any], list[Any]]:
    ready = {"type": "Ready", "status": "True"}
    node = {"metadata": {"name": "one"}, "status": {"conditions": [ready]}}
    return [node], [{"metadata": {"name": "one"}, "spec": {"renewTime": moment.isoformat()}}]


class SeenCluster:
    """A cluster that serves what the platform declares."""

    def __init__(self, server: FakeApiServer, home: Home) -> None:
        trusted, survey = compose.desired(home)
        self.server, self.commit = server, trusted.commit
        self.stages = tuple(stage.name for stage in trusted.platform.stages)
        begin(server, self.stages)
        for deployment in survey.deployments:
            serve(server, deployment, trusted.platform)
        for stage in self.stages:
            server.lists[f"/apis/batch/v1/namespaces/{namespace_of(stage)}/jobs"] = []
        server.objects["/version"] = {"gitVersion": "v1.36.3"}
        server.lists[NODES], server.lists[LEASES] = _node(datetime.now(UTC))
        server.lists[APPLICATIONS] = [
            {
                "metadata": {"name": f"{each.stage}-{each.model}"},
                "status": {"sync": {"status": "Synced", "revision": trusted.commit}},
            }
            for each in survey.deployments
        ]


@pytest.fixture
def cluster(
    copy: Town, changing: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SeenCluster]:
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with fake_api_server() as server:
        install_kubectl(tmp_path / "kubectl", server)
        yield SeenCluster(server, Home(copy.folder / "home"))


def seen(changing: Command, code: int) -> list[tuple[str, str]]:
    """The conditions, by what they are about."""
    shown = changing(*STATUS)
    assert shown.code == code, shown.out + shown.err
    return [(each["about"], each["message"]) for each in json.loads(shown.out)["conditions"]]


def test_a_cluster_that_serves_what_git_declares_has_no_condition(
    changing: Command, cluster: SeenCluster
) -> None:
    assert seen(changing, 0) == []
    page = changing("status", "--target", "kubernetes").out
    assert page.startswith(f"commit   {cluster.commit[:12]}\n")
    assert "as declared" in page


def test_an_engine_that_is_down_a_wrong_clock_and_a_pod_by_hand_are_said_in_plain_words(
    changing: Command, cluster: SeenCluster
) -> None:
    server = cluster.server
    server.webhook = 'failed calling webhook "ivpol.kyverno.svc": connection refused'
    server.lists[NODES], server.lists[LEASES] = _node(datetime.now(UTC) - timedelta(hours=1))
    by_hand: dict[str, Any] = {"kind": "Pod", "metadata": {"name": "mine"}}
    put(server, by_hand, "dev")

    conditions = seen(changing, 7)

    assert {about for about, _ in conditions} == {"policy engine", "node", "pod"}
    text = " ".join(message for _, message in conditions)
    assert "the policy engine does not answer: nothing new starts, and what runs goes on" in text
    assert "clock of node one is 60 minutes behind" in text
    assert "pod mine in models-dev belongs to no controller" in text
    page = changing("status", "--target", "kubernetes").out
    assert "node: the clock of node one is" in page and "as declared" in page


def test_what_could_not_be_asked_is_marked_and_is_no_yes(
    changing: Command, cluster: SeenCluster
) -> None:
    cluster.server.forbidden.add(NODES)

    assert seen(changing, 5)[0][0] == "node"
    assert (
        "\n? node: the nodes could not be read" in changing("status", "--target", "kubernetes").out
    )


def test_with_a_follower_the_branch_and_what_it_wrote_are_said(
    changing: Command, copy: Town, cluster: SeenCluster, tmp_path: Path
) -> None:
    key = str(tmp_path / "follower")
    acting = copy.acting(ACTOR)
    assert changing("key", "admit", "follower", key, "--make-key", *acting).code == 0
    newest = compose.trusted(compose.home()).commit[:12]
    conditions = seen(changing, 7)
    assert [message.split(":")[0] for about, message in conditions if about == "follower"] == [
        "no follower runs in the cluster",
        f"the branch verified is not there, main is at {newest}",
    ]
    assert changing("reconcile", "--key", f"{key}.pem").code == 0
    commit = compose.trusted(compose.home()).commit
    current = VerifiedBranch(commit, commit, "current")
    now = timestamp(datetime.now(UTC))
    cluster.server.objects[RECORD]["data"] = dict(rendered_record(FollowerRecord(now, current)))
    assert seen(changing, 0) == []
    another = "what the cluster runs is not recorded: the audit log is that of another cluster"
    record = FollowerRecord(now, current, (another,))
    cluster.server.objects[RECORD]["data"] = dict(rendered_record(record))
    assert seen(changing, 7) == [("follower", another)]


def test_a_failed_judge_says_why_in_its_own_words(changing: Command, cluster: SeenCluster) -> None:
    gap = "error: Prometheus scraped nothing in the 5 minutes before 08:00\n"
    job = {
        "metadata": {"name": "judge-1", "creationTimestamp": "2026-11-30T08:00:00Z"},
        "spec": {"template": {"metadata": {"labels": {"app": "judge"}}}},
        "status": {"conditions": [{"type": "Failed", "status": "True"}]},
    }
    cluster.server.lists[f"/apis/batch/v1/namespaces/{namespace_of('dev')}/jobs"] = [job]
    owner = [{"kind": "Job", "name": "judge-1", "controller": True}]
    ended = {"terminated": {"exitCode": 5, "message": gap}}
    pod: dict[str, Any] = {
        "kind": "Pod",
        "metadata": {
            "name": "judge-1-x",
            "labels": {"batch.kubernetes.io/job-name": "judge-1"},
            "ownerReferences": owner,
        },
        "status": {"containerStatuses": [{"name": "judge", "state": ended}]},
    }
    put(cluster.server, pod, "dev")

    ((about, message),) = seen(changing, 7)

    assert about == "job" and message.endswith(f"exit code 5: {gap.strip()}")
