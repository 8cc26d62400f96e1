"""What git intended, read from a real repository."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from goldenpath.audit.timeline.intent import read_history
from goldenpath.audit.timeline.live_model import Intent
from goldenpath.digest import Digest
from goldenpath.promote.repository.first_seen import Sighting
from goldenpath.promote.repository.identity import Identity
from goldenpath.release.attest.signatures.sshsig import SshKey
from goldenpath.settings import project_environment
from tests.audit.platform import FOUNDED, Grounds

OLD, NEW = Digest.of(b"old"), Digest.of(b"new")


@pytest.fixture
def grounds(tmp_path: Path) -> Grounds:
    return Grounds(tmp_path, project_environment(os.environ, "python3"))


def history(grounds: Grounds) -> tuple[Intent, ...]:
    return read_history(grounds.repository, grounds.repository.fetch())


def test_each_commit_says_who_put_what_where(grounds: Grounds) -> None:
    people = ("validator", "risk-manager")
    commit = grounds.deploy("prod", {OLD: 100}, FOUNDED + timedelta(hours=1), approved_by=people)

    (found,) = history(grounds)

    assert found.commit == commit
    assert (found.stage, found.model, found.signer) == ("prod", "credit", "platform-engineer")
    assert [(slot.digest, slot.percent) for slot in found.slots] == [(OLD, 100)]
    assert found.approved_by == (), "a trailer is text, and no approval"
    assert found.approvals_unknown
    assert found.approvals_needed == 2
    assert found.time == FOUNDED + timedelta(hours=1)


def test_a_commit_by_a_key_that_is_not_listed_has_no_signer(
    grounds: Grounds, tmp_path: Path
) -> None:
    stranger = Identity("platform-engineer", SshKey.generate(tmp_path / "stranger"))
    grounds.deploy("dev", {OLD: 100}, FOUNDED)
    head = grounds.repository.fetch()
    assert head
    grounds.deploy("dev", {NEW: 100}, FOUNDED + timedelta(minutes=1))
    grounds.commit(
        dict.fromkeys(grounds.repository.entries(grounds.repository.head(), "envs/dev/credit")),
        "dev: remove\n",
        FOUNDED + timedelta(minutes=2),
        stranger,
    )

    found = history(grounds)

    assert [each.signer for each in found] == ["platform-engineer", "platform-engineer", ""]
    assert found[-1].slots == ()
    assert found[-1].approvals_needed == 0


def test_a_commit_that_no_reconciler_could_follow_is_no_intention(grounds: Grounds) -> None:
    grounds.deploy("dev", {OLD: 100}, FOUNDED)
    grounds.commit({"envs/dev/credit/route.yaml": b"kind: [\n"}, "oops\n", FOUNDED)

    assert len(history(grounds)) == 1


def test_commits_that_touch_no_deployment_are_passed_over(grounds: Grounds) -> None:
    assert history(grounds) == ()


def test_each_commit_says_whose_time_it_has(grounds: Grounds) -> None:
    grounds.deploy("dev", {OLD: 100}, FOUNDED + timedelta(hours=1))
    seen = Sighting(FOUNDED + timedelta(hours=9), FOUNDED + timedelta(hours=9))
    head = grounds.repository.fetch()

    (claimed,) = read_history(grounds.repository, head)
    (watched,) = read_history(grounds.repository, head, sighting=lambda commit: seen)

    assert (claimed.time, watched.time) == (FOUNDED + timedelta(hours=1), seen.seen)
    assert claimed.time_by == "by its author's clock; nobody else's time is known"
    assert watched.time_by == "by the clock of this machine, which saw it come"
