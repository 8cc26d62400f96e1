"""What a cluster runs, as its follower records it: `at` and `inventory` say the same."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from goldenpath import compose
from goldenpath.audit.events.event_log import EventLog
from goldenpath.audit.timeline.live_model import LiveModel
from goldenpath.compose.clusters.cluster_observer import BLIND, ClusterObserver
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, Unavailable
from goldenpath.home import Home
from goldenpath.promote.manifests.desired import Deployment
from goldenpath.promote.manifests.object_names import namespace_of, route_name
from tests.deploy.cluster.cluster_objects import KINDS, SYSTEM, begin, pod, put, remove, serve
from tests.deploy.cluster.fake_api_server import FakeApiServer, fake_api_server
from tests.promote.road import MODEL, Road
from tests.release.catalogue.tables import copy_empty_catalogue

MINUTE = timedelta(minutes=1)


@dataclass
class ObservedCluster:
    """A platform with one release in dev, a cluster that serves it, and an observer."""

    road: Road
    server: FakeApiServer
    live: Digest
    now: datetime = field(default_factory=lambda: datetime.now(UTC) - timedelta(minutes=8))

    def observer(self, home: Home | None = None) -> ClusterObserver:
        reader = self.server.reader(self.road.folder / "account")
        return ClusterObserver(home or self.road.home, reader, lambda: self.now)

    def deployment(self) -> Deployment:
        (found,) = (e for e in compose.desired(self.road.home)[1].deployments if e.stage == "dev")
        return found

    def serve(self) -> None:
        serve(self.server, self.deployment(), self.road.trusted().platform)

    def at(self, moment: datetime) -> LiveModel:
        (live,) = compose.live_moments(self.road.home, moment)[0].models
        return live

    def kinds(self) -> list[tuple[str, str]]:
        """Kind and release of every event that was observed."""
        return [
            (event.kind, event.digest)
            for event in EventLog(self.road.home.events).read()
            if event.actor == "system" and not event.kind.startswith("release.")
        ]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[ObservedCluster]:
    road = Road(tmp_path, datetime.now(UTC) - timedelta(minutes=30))
    copy_empty_catalogue(road.home.root / "mlflow.db")
    live = road.release(b"one")
    road.promote(live, "dev")
    with fake_api_server() as server:
        begin(server, tuple(stage.name for stage in road.trusted().platform.stages))
        cluster = ObservedCluster(road, server, live)
        cluster.serve()
        yield cluster


def test_at_says_of_a_cluster_what_the_route_and_the_pods_are(cluster: ObservedCluster) -> None:
    observer = cluster.observer()
    put(cluster.server, pod(cluster.deployment(), cluster.live, 2), "dev")

    status = observer.look()

    assert cluster.kinds() == [
        ("platform.started", ""),
        ("server.ready", cluster.live.text),
        ("server.ready", cluster.live.text),
        ("route.changed", ""),
    ]
    began = cluster.now
    cluster.now += MINUTE
    observer.look()
    assert len(cluster.kinds()) == 4
    remove(cluster.server, "Pod", f"{MODEL}-{cluster.live.hex[:8]}-predictor-2", "dev")
    cluster.now += MINUTE
    observer.look()
    live = cluster.at(began + MINUTE / 2)
    (share,) = live.shares
    assert (share.digest, share.intended, share.observed) == (cluster.live.text, 100, 100)
    assert (share.replicas, share.certainty, live.mismatches) == (2, "certain", ())
    assert share.since is not None and abs(share.since - began) < timedelta(seconds=1)
    assert status.is_ready and status.deployments[0].running[0].percent == 100
    assert cluster.at(cluster.now).shares[0].replicas == 1


def test_the_weight_is_that_of_the_route_and_a_difference_is_named(
    cluster: ObservedCluster,
) -> None:
    other = Digest.of(b"somebody else's release")
    deployment = cluster.deployment()
    observer = cluster.observer()
    observer.look()
    cluster.now += MINUTE
    put(cluster.server, pod(deployment, other), "dev")
    routes = cluster.server.lists[KINDS["HTTPRoute"].format(namespace_of("dev"))]
    (route,) = (each for each in routes if each["metadata"]["name"] == route_name(MODEL))
    (stable,) = route["spec"]["rules"][0]["backendRefs"][:1]
    theirs = {**stable, "name": f"{MODEL}-{other.hex[:8]}-predictor", "weight": 30}
    route["spec"]["rules"][0]["backendRefs"] = [{**stable, "weight": 70}, theirs]
    service = {
        "kind": "InferenceService",
        "metadata": {"name": f"{MODEL}-{other.hex[:8]}"},
        "spec": {"predictor": {"model": {"storageUri": f"oci+native://r.example/x@{other}"}}},
    }
    put(cluster.server, service, "dev")

    status = observer.look()

    cluster.now += MINUTE
    observer.look()
    live = cluster.at(cluster.now)
    assert {e.digest: (e.intended, e.observed) for e in live.shares} == {
        cluster.live.text: (100, 70),
        other.text: (None, 30),
    }
    assert live.mismatches
    assert not status.is_ready


def test_a_cluster_that_does_not_answer_ends_nothing_and_a_long_gap_is_uncertain(
    cluster: ObservedCluster,
) -> None:
    observer = cluster.observer()
    observer.look()
    seen = cluster.now
    cluster.server.broken.add(KINDS["Pod"].format(namespace_of("test")))
    cluster.now += MINUTE
    with pytest.raises(Unavailable, match="could not be asked about test"):
        observer.look()
    assert [kind for kind, _ in cluster.kinds()].count("server.stopped") == 0
    cluster.server.broken.clear()
    cluster.now += 2 * BLIND

    observer.look()

    assert [kind for kind, _ in cluster.kinds()].count("platform.started") == 2
    gap = cluster.at(seen + BLIND)
    assert gap.certainty == "uncertain"
    assert cluster.at(cluster.now).shares[0].certainty == "certain"


def test_the_log_of_another_cluster_is_refused_and_stays_as_it_was(
    cluster: ObservedCluster,
) -> None:
    cluster.observer().look()
    before = cluster.kinds()
    cluster.server.objects[SYSTEM]["metadata"]["uid"] = "two"

    with pytest.raises(InvalidInput, match="is that of another cluster: it names one") as refused:
        cluster.observer().look()

    assert "this one is two" in refused.value.message
    assert cluster.kinds() == before
    cluster.server.objects[SYSTEM]["metadata"]["uid"] = "one"
    assert cluster.observer().look().is_ready


def test_a_cluster_that_cannot_say_who_it_is_is_not_recorded(cluster: ObservedCluster) -> None:
    cluster.server.forbidden.add(SYSTEM)

    with pytest.raises(Unavailable, match="could not be asked who it is"):
        cluster.observer().look()

    assert cluster.kinds() == []


def test_the_inventory_says_the_same_as_the_cluster(cluster: ObservedCluster) -> None:
    status = cluster.observer().look()

    (cell,) = compose.inventory(cluster.road.home, status).cells

    assert (cell.deployment, cell.digest) == (f"dev/{MODEL}", cluster.live.text)
    assert (cell.git, cell.running, cell.signed) == (100, 100, True)
    remove(cluster.server, "HTTPRoute", route_name(MODEL), "dev")
    without = compose.inventory(cluster.road.home, cluster.observer().look())
    assert not without.agrees
