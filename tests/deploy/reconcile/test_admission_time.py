"""Admission judges by when this machine saw a release enter, and by no date of a promoter."""

import dataclasses
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from goldenpath.digest import Digest
from goldenpath.promote.acts.founding import without_person
from goldenpath.promote.manifests.desired import Deployment, Slot, slot_name
from goldenpath.promote.repository.chain_of_trust import Pin, follow, read_pin, write_pin
from goldenpath.promote.repository.first_seen import FirstSeen
from goldenpath.promote.workspace.stage_changes import approve, promote
from goldenpath.promote.workspace.workspace import Workspace
from goldenpath.release.attest.policy import Finding
from tests.promote.road import MODEL, Road


@pytest.fixture
def road(tmp_path: Path) -> Road:
    return Road(tmp_path)


def failed(road: Road, digest: Digest) -> list[str]:
    """The closed checks of a release that git declares in prod."""
    deployment = Deployment("prod", MODEL, (Slot(slot_name(digest), digest, 100),))
    found: tuple[Finding, ...] = road.admission(deployment, digest)
    return [each.check for each in found if each.status == "fail"]


def elsewhere(road: Road, name: str, clock: datetime) -> Workspace:
    """The desk of a promoter on a machine of their own, with whatever clock they like."""
    pin = road.folder / "elsewhere.json"
    write_pin(pin, Pin(read_pin(road.home.trust).root, ""))
    return dataclasses.replace(
        road.desk(name, road.clone("elsewhere")), pin=pin, clock=lambda: clock
    )


def ready(road: Road) -> Digest:
    """A release in test that two people have approved for prod."""
    digest = road.release()
    for stage in ("dev", "test"):
        assert road.promote(digest, stage).commit
    road.approve(digest, "validator", "risk-manager")
    road.trusted()
    return digest


@pytest.mark.parametrize("back", [timedelta(days=364), timedelta(days=335), timedelta(0)])
def test_expired_approvals_count_through_no_verdict_dated_back(road: Road, back: timedelta) -> None:
    digest, approved = ready(road), road.now
    road.pass_time(days=365)
    road.trusted()
    road.pass_time(minutes=1)
    dated = max(approved + timedelta(minutes=1), road.now - back)
    done = promote(elsewhere(road, "platform-engineer", dated), digest, "prod")
    assert bool(done.commit) == (dated < approved + timedelta(days=30))

    if done.commit:
        assert "decision" in failed(road, digest)


def test_what_entered_in_time_stays_admitted_after_its_approvals_expired(road: Road) -> None:
    digest = ready(road)
    assert road.promote(digest, "prod").commit
    road.trusted()
    road.pass_time(days=300)

    assert failed(road, digest) == []


def test_who_has_left_approves_nothing_by_dating_back(road: Road) -> None:
    digest = road.release()
    for stage in ("dev", "test"):
        assert road.promote(digest, stage).commit
    road.approve(digest, "risk-manager")
    road.pass_time(days=1)
    end = road.now
    road.change_platform(without_person(road.trusted().platform, "validator", end))
    road.pass_time(days=2)
    leaver = dataclasses.replace(road.desk("validator"), clock=lambda: end - timedelta(minutes=1))
    approve(leaver, digest, "prod")

    done = road.promote(digest, "prod")

    assert done.commit == ""
    assert done.decision is not None
    (found,) = [each for each in done.decision.findings if each.check == "approvals"]
    assert "validator: may sign nothing since" in found.message
    assert "goldenpath approve" in found.cure and "validator" not in found.cure


def test_what_somebody_approved_before_they_left_goes_on(road: Road) -> None:
    end = road.now + timedelta(days=2)
    road.change_platform(without_person(road.trusted().platform, "validator", end))
    digest = ready(road)
    assert road.promote(digest, "prod").commit
    road.trusted()
    road.pass_time(days=5)

    assert failed(road, digest) == []


def test_a_fresh_machine_runs_what_runs(road: Road) -> None:
    digest = ready(road)
    assert road.promote(digest, "prod").commit
    road.pass_time(days=300)
    root = read_pin(road.home.trust).root
    for file in (road.home.trust, road.home.trust.with_suffix(".seen")):
        file.unlink()
    write_pin(road.home.trust, Pin(root, ""))
    shutil.rmtree(road.repository.cache)

    assert failed(road, digest) == []
    assert "commits were on main before this machine first looked" in road.trusted().time_note


def test_a_machine_that_lost_its_record_admits_nothing_by_dates(road: Road) -> None:
    digest = ready(road)
    assert road.promote(digest, "prod").commit
    road.trusted()
    road.pass_time(days=300)
    road.home.trust.with_suffix(".seen").unlink()
    follow(road.repository, road.home.trust, road.now)
    FirstSeen.beside(road.home.trust).begin(road.now, is_upgrade=False)

    assert "decision" in failed(road, digest)
