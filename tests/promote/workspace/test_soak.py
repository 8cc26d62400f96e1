"""The soak counts from when a release came into the stage before, not from a date in a commit."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from goldenpath.digest import Digest
from goldenpath.promote.manifests.deployment_files import render_deployment, route_path
from goldenpath.promote.manifests.desired import Deployment, Slot, slot_name
from goldenpath.release.attest.policy import Finding
from tests.promote.repository.by_hand import Hand
from tests.promote.repository.deployed import replacing
from tests.promote.road import MODEL, Road

WEEK = timedelta(days=7)
TEST = route_path("test", MODEL)


class Slow(Road):
    """A platform where a release is in test for a week before prod."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        platform = self.trusted().platform
        dev, test, prod = platform.stages
        prod = replace(prod, gates=("evidence", "stage-before"), approvals=0, soak=WEEK)
        self.change_platform(replace(platform, stages=(dev, replace(test, gates=()), prod)))
        self.trusted()

    def by_hand(self, digest: Digest, back: timedelta) -> None:
        """The data scientist places a release in test, dated `back`."""
        slot = Slot(slot_name(digest), digest, 100)
        files = render_deployment(Deployment("test", MODEL, (slot,)), self.trusted().platform)
        key = self.people["data-scientist"].key
        whole = replacing(self.repository, self.trusted().commit, files)
        Hand(self.home.gitops).commit(key, whole, self.now - back)

    def soak(self, digest: Digest) -> Finding:
        """What the gate says about a promotion to prod."""
        decision = self.promote_now(digest, "prod").decision
        assert decision is not None
        return next(each for each in decision.findings if each.check == "stage-before")


@pytest.fixture
def road(tmp_path: Path) -> Slow:
    return Slow(tmp_path)


@pytest.mark.parametrize("back", [timedelta(0), timedelta(days=1), timedelta(days=8)])
def test_a_soak_is_not_met_by_dating(road: Slow, back: timedelta) -> None:
    digest = road.release()
    road.pass_time(days=30)
    road.trusted()
    road.pass_time(minutes=1)
    road.by_hand(digest, back)

    found = road.soak(digest)

    assert found.status == "fail"
    assert "short of the soak" in found.message


def test_a_soak_that_was_watched_is_met(road: Slow) -> None:
    digest = road.release()
    road.by_hand(digest, timedelta(0))
    road.trusted()
    road.pass_time(days=8)

    assert road.soak(digest).status == "pass"


def test_a_machine_that_was_off_believes_no_date_before_its_last_look(road: Slow) -> None:
    digest = road.release()
    road.pass_time(days=30)
    road.by_hand(digest, timedelta(days=20))  # it looks before that
    road.pass_time(days=3)

    found = road.soak(digest)

    assert "live in test for 3.0 days" in found.message


@pytest.mark.parametrize("file", [TEST, TEST.replace("route", "release")])
def test_an_old_file_that_cannot_be_read_stops_no_promotion_and_counts_for_nothing(
    road: Slow, file: str
) -> None:
    digest = road.release()
    key = road.people["data-scientist"].key
    road.by_hand(digest, timedelta(0))
    road.trusted()
    road.pass_time(days=8)
    Hand(road.home.gitops).commit(key, {file: b"[" * 100_000}, road.now)
    road.trusted()
    road.pass_time(days=2)
    Hand(road.home.gitops).commit(key, {file: None}, road.now)
    road.by_hand(digest, timedelta(0))

    found = road.soak(digest)

    assert found.status == ("fail" if file == TEST else "pass")


def test_promoting_past_an_old_release_file_that_cannot_be_read_holds_the_stage(
    road: Slow,
) -> None:
    one, two = road.release(b"one"), road.release(b"two")
    road.promote(one, "dev")
    path = f"envs/dev/{MODEL}/release.yaml"
    whole = Hand(road.home.gitops).read(path)
    key = road.people["data-scientist"].key
    Hand(road.home.gitops).commit(key, {path: b"[" * 100_000}, road.now)
    road.trusted()
    Hand(road.home.gitops).commit(key, {path: whole}, road.now)

    assert road.promote(two, "dev").commit

    # The file may have named `two`: somebody may have chosen an older release.
    placed = road.repository.read(road.trusted().commit, path)
    assert placed is not None
    assert b"chose an older release" in placed
