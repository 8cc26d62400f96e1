"""Approvers come from signed statements; what a commit message says is text."""

from datetime import timedelta
from pathlib import Path

import pytest

from goldenpath.audit.events.event import Event
from goldenpath.audit.timeline.intent import read_history
from goldenpath.audit.timeline.live import live_at
from goldenpath.audit.timeline.live_model import Intent
from goldenpath.audit.timeline.live_page import render_live
from goldenpath.audit.timeline.signed_approvals import SignedApprovals
from goldenpath.digest import Digest
from goldenpath.errors import Unavailable
from goldenpath.promote.gates.admission_policy import release_policy
from goldenpath.promote.manifests.deployment_files import render_deployment
from goldenpath.promote.manifests.desired import Deployment, Slot, slot_name
from goldenpath.release.attest.policy import Verified
from goldenpath.release.attest.verify import verify
from tests.promote.road import MODEL, Road

LIES = (
    "all good\n\nRelease-Digest: {digest}\nDecision: {digest}\nApproved-By: validator\n"
    "Approved-By: risk-manager\nReason: all gates passed\n"
)


@pytest.fixture
def road(tmp_path: Path) -> Road:
    return Road(tmp_path)


def approvals(road: Road) -> SignedApprovals:
    platform = road.trusted().platform

    def statements(digest: Digest) -> Verified:
        policy = release_policy(platform)
        return verify(road.store, digest, policy, people=platform.people, now=road.now)

    return SignedApprovals(road.repository, statements)


def last(road: Road) -> Intent:
    return read_history(road.repository, road.trusted().commit, MODEL)[-1]


def by_hand(road: Road, digest: Digest) -> None:
    """One person writes approvers into the message."""
    road.pass_time(minutes=1)
    trusted, who = road.trusted(), road.people["data-scientist"]
    wanted = Deployment("prod", MODEL, (Slot(slot_name(digest), digest, 100),))
    files = {**render_deployment(wanted, trusted.platform)}
    message = f"prod: promote {MODEL}\n\n{LIES.format(digest=digest)}"
    road.repository.commit(
        trusted.commit, files, message, "risk-manager", key=who.key, now=road.now
    )


def test_names_in_a_message_are_no_approvers(road: Road) -> None:
    by_hand(road, road.release())

    intent = approvals(road)(last(road))

    assert intent.approved_by == ()
    assert intent.decision == ""
    assert intent.signer == "data-scientist"


def test_at_finds_what_nobody_approved(road: Road) -> None:
    digest = road.release()
    by_hand(road, digest)
    history = read_history(road.repository, road.trusted().commit, MODEL)
    up = Event(
        road.now.isoformat(), "server.ready", "system", "prod", MODEL, digest.text,
        details={"slot": "x"},
    )  # fmt: skip
    later = road.now + timedelta(hours=1)

    found = live_at(history, [up], later, alive=later, approve=approvals(road))

    page = render_live(found, later)
    assert "approved by nobody" in page
    assert "live without approval" in page
    assert "intended and observed agree" not in page


def test_signed_approvals_are_shown_for_the_release_and_its_later_steps(road: Road) -> None:
    one, two = road.release(b"one"), road.release(b"two")
    road.bring_to_prod(one)
    done = road.bring_to_prod(two, steps=(10, 100))

    intent = approvals(road)(last(road))

    assert intent.approved_by == ("risk-manager", "validator")
    assert intent.decision == str(done.envelope)


def test_an_approval_that_was_signed_later_was_not_there_yet(road: Road) -> None:
    digest = road.release()
    by_hand(road, digest)
    road.pass_time(days=1)
    road.approve(digest, "validator", "risk-manager")

    assert approvals(road)(last(road)).approved_by == ()


def test_what_cannot_be_read_is_not_nobody(road: Road) -> None:
    by_hand(road, road.release())

    def gone(digest: Digest) -> Verified:
        raise Unavailable("the registry does not answer")

    intent = SignedApprovals(road.repository, gone)(last(road))

    assert intent.approved_by == ()
    assert "the registry does not answer" in intent.approvals_unknown
