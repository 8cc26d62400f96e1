from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from goldenpath.deploy.reconcile.loop import Reconciler
from goldenpath.deploy.reconcile.status import Condition, DeploymentStatus, Status
from goldenpath.deploy.reconcile.verdicts import (
    AdmissionAnswer,
    AdmissionQuestion,
    RefusedRelease,
    Underway,
)
from goldenpath.digest import Digest
from goldenpath.errors import GoldenPathError, NotFound, Unavailable, VerificationError
from goldenpath.promote.manifests.deployment_files import render_deployment, service_path
from goldenpath.promote.manifests.desired import Deployment, Slot, slot_name
from goldenpath.promote.platform.demands import Demands
from goldenpath.promote.platform.platform import Platform
from goldenpath.promote.repository.chain_of_trust import Trusted
from goldenpath.release.attest.policy import Finding
from tests.deploy.machine.memory import MemoryTarget
from tests.promote.example import platform

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ONE, TWO, THREE = (Digest.of(name) for name in (b"one", b"two", b"three"))


def wanted(*digests: Digest, model: str = "credit") -> Deployment:
    shares = (100,) if len(digests) == 1 else (90, 10)
    slots = (Slot(slot_name(d), d, share) for d, share in zip(digests, shares, strict=True))
    return Deployment("dev", model, tuple(slots))


class MemorySource:
    """Git without git: commits are numbers, files a dictionary."""

    def __init__(self) -> None:
        self.commits: list[Mapping[str, bytes]] = []
        self.platform = platform()
        self.error: GoldenPathError | None = None
        self.followed = 0

    def commit(self, *deployments: Deployment, **more: bytes) -> None:
        files = {
            path: content
            for each in deployments
            for path, content in render_deployment(each, self.platform).items()
        }
        self.commits.append({**files, **more})

    def follow(self) -> Trusted:
        if self.error is not None:
            raise self.error
        self.followed = len(self.commits)
        return self.last()

    def hurry(self) -> None:
        """Git without git is never late."""

    def last(self) -> Trusted:
        if not self.commits:
            raise NotFound("there is no commit")
        return Trusted(str(self.followed or len(self.commits)), self.platform)

    def files(self, commit: str) -> Mapping[str, bytes]:
        return self.commits[int(commit) - 1]


class World:
    """The loop with everything around it."""

    def __init__(self) -> None:
        self.source = MemorySource()
        self.target = MemoryTarget()
        self.refused: list[RefusedRelease] = []
        self.bad: dict[Digest, str] = {}
        self.away = False
        self.slow: set[Digest] = set()
        self.asked: list[Digest] = []
        self.questions: list[AdmissionQuestion] = []
        self.absent: set[Digest] = set()
        self.old: set[Digest] = set()
        self.now = NOW
        self.loop = Reconciler(self.source, self.admit, self.target, self.refused.append)

    def admit(
        self, known: Platform, deployment: Deployment, digest: Digest, question: AdmissionQuestion
    ) -> AdmissionAnswer:
        self.asked.append(digest)
        self.questions.append(question)
        if self.away:
            raise Unavailable("the registry is away")
        if digest in self.slow:
            raise Underway("it is being verified")
        reason = self.bad.get(digest)
        finding = Finding("signature", "fail" if reason else "pass", reason or "good")
        old = (Finding("today", "not applicable", "is of another time"),)
        return AdmissionAnswer(
            (finding, *(old if digest in self.old else ())),
            tuple(each for each in question.named if each in self.absent),
        )

    def step(self, seconds: float = 1) -> Status:
        self.now += timedelta(seconds=seconds)
        return self.loop.step(self.now)

    @property
    def runs(self) -> tuple[Digest, ...]:
        found = self.target.deployments.get("dev/credit")
        return tuple(slot.digest for slot in found.slots) if found else ()


@pytest.fixture
def world() -> World:
    return World()


def condition(status: Status | DeploymentStatus, kind: str) -> Condition:
    return next(each for each in status.conditions if each.type == kind)


def test_what_git_wants_runs_after_one_step(world: World) -> None:
    world.source.commit(wanted(ONE))

    status = world.step()

    assert world.runs == (ONE,)
    assert condition(status.deployments[0], "Ready").holds
    assert status.is_ready


def test_a_step_without_a_change_looks_once_at_the_target(world: World) -> None:
    world.source.commit(wanted(ONE))
    world.step()
    assert world.target.looks == 2, "before what is done, and after it"

    world.step()
    assert world.target.looks == 3


def test_a_second_step_does_nothing_and_verifies_nothing_again(world: World) -> None:
    world.source.commit(wanted(ONE))
    world.step()

    world.step(3600)

    assert len(world.target.actions) == 1
    assert world.asked == [ONE]


def test_what_runs_and_would_not_pass_the_rules_of_today_is_marked(world: World) -> None:
    world.source.commit(wanted(ONE, TWO), wanted(THREE, model="fraud"))
    world.old = {TWO}

    for status in (world.step(), world.step()):
        assert status.is_ready
        marks = {each.name: [mark.message for mark in each.marks] for each in status.deployments}
        assert marks == {"dev/credit": [f"{TWO.short} is of another time"], "dev/fraud": []}

    world.source.platform = replace(world.source.platform, two_people=True)
    world.source.commit(wanted(ONE, TWO))
    world.old = set()
    assert all(each.marks == () for each in world.step().deployments)


def test_what_somebody_stopped_by_hand_is_started_again(world: World) -> None:
    world.source.commit(wanted(ONE))
    world.step()
    world.target.deployments.clear()

    world.step()

    assert world.runs == (ONE,)


def test_what_leaves_git_is_pruned(world: World) -> None:
    world.source.commit(wanted(ONE))
    world.step()
    world.source.commit()

    world.step()

    assert world.runs == ()


@pytest.mark.parametrize(
    ("error", "reason", "stalled"),
    [
        (Unavailable("git is away"), "GitUnavailable", False),
        (VerificationError("commit 3 is not signed"), "CommitNotTrusted", True),
    ],
)
def test_what_runs_keeps_running_when_git_cannot_be_read_or_trusted(
    world: World, error: GoldenPathError, reason: str, stalled: bool
) -> None:
    world.source.commit(wanted(ONE))
    world.step()
    world.source.commit(wanted(TWO))
    world.source.error = error

    status = world.step()

    assert world.runs == (ONE,)
    assert condition(status, "Ready").reason == reason
    assert condition(status, "Stalled").holds == stalled


def test_a_restart_without_git_runs_what_was_trusted_before(world: World) -> None:
    world.source.commit(wanted(ONE))
    world.source.error = Unavailable("git is away")

    world.step()

    assert world.runs == (ONE,)


def test_a_release_that_is_not_admitted_leaves_the_one_before(world: World) -> None:
    world.source.commit(wanted(ONE))
    world.step()
    world.source.commit(wanted(TWO))
    world.bad[TWO] = "no signature by a known key"

    status = world.step()
    world.step()

    assert world.runs == (ONE,)
    assert [refused.digest for refused in world.refused] == [TWO]
    stalled = condition(status.deployments[0], "Stalled")
    assert stalled.holds and "no signature" in stalled.message


def test_a_refused_canary_leaves_the_stable_release_with_everything(world: World) -> None:
    world.source.commit(wanted(ONE, TWO))
    world.bad[TWO] = "tampered"

    world.step()

    assert world.runs == (ONE,)
    assert world.target.deployments["dev/credit"].slots[0].percent == 100


def test_a_refusal_ends_once_the_evidence_is_there(world: World) -> None:
    world.source.commit(wanted(ONE))
    world.bad[ONE] = "no approval"
    world.step()
    world.bad.clear()

    world.step(10)

    assert world.runs == (ONE,)


def test_a_registry_that_is_away_is_asked_again_and_nothing_new_starts(world: World) -> None:
    world.source.commit(wanted(ONE))
    world.step()
    world.source.commit(wanted(TWO))
    world.away = True

    status = world.step()
    assert world.runs == (ONE,)
    assert condition(status.deployments[0], "Reconciling").holds
    world.away = False
    world.step(10)

    assert world.runs == (TWO,)
    assert not world.refused


def test_another_platform_file_means_verifying_anew(world: World) -> None:
    world.source.commit(wanted(ONE))
    world.step()
    world.source.platform = replace(
        world.source.platform, demands=Demands(repository="https://git.example/other")
    )
    world.source.commit(wanted(ONE))

    world.step()

    assert world.asked == [ONE, ONE]


def test_a_malformed_file_stalls_its_own_deployment_only(world: World) -> None:
    world.source.commit(wanted(ONE), wanted(ONE, model="fraud"))
    world.step()
    world.source.commit(wanted(TWO), **{service_path("dev", "fraud"): b"kind: InferenceService\n"})

    status = world.step()

    assert world.runs == (TWO,)
    assert "dev/fraud" in world.target.deployments
    fraud = next(each for each in status.deployments if each.name == "dev/fraud")
    assert condition(fraud, "Stalled").reason == "Malformed"


def test_a_target_that_cannot_say_changes_nothing(world: World) -> None:
    world.source.commit(wanted(ONE))
    world.target.is_away = True

    status = world.step()

    assert not world.target.actions
    assert condition(status, "Ready").reason == "TargetUnavailable"


def test_a_refused_release_is_looked_at_ever_more_rarely_until_somebody_wakes_the_loop(
    world: World,
) -> None:
    world.source.commit(wanted(ONE))
    world.bad[ONE] = "no signature"
    for _ in range(300):
        world.step()

    assert len(world.asked) <= 8
    world.loop.step(world.now, anew=True)
    assert len(world.asked) <= 9
    assert len(world.refused) == 1
    del world.bad[ONE]
    world.loop.step(world.now, anew=True)
    assert world.runs == (ONE,)


def test_files_that_did_not_change_are_not_read_again(world: World) -> None:
    world.source.commit(wanted(ONE), wanted(TWO, model="churn"))
    world.step()
    world.source.commit(wanted(TWO), wanted(TWO, model="churn"))
    status = world.step()

    assert [each.name for each in status.deployments] == ["dev/churn", "dev/credit"]
    assert world.runs == (TWO,)


def test_what_is_still_being_verified_holds_up_nothing_else_and_is_asked_with_every_step(
    world: World,
) -> None:
    world.source.commit(wanted(ONE), wanted(ONE, model="fraud"))
    world.step()
    world.source.commit(wanted(ONE, THREE), wanted(TWO, model="fraud"))
    world.slow.add(THREE)

    status = world.step(0.1)

    assert world.target.deployments["dev/fraud"].slots[0].digest == TWO
    assert world.target.deployments["dev/credit"].slots[0].percent == 100
    assert condition(status.deployments[0], "Reconciling").reason == "Verifying"
    assert not world.refused
    world.slow.clear()
    world.step(0.1)
    assert world.runs == (ONE, THREE)


def test_what_runs_keeps_its_canary_while_all_is_verified_anew(world: World) -> None:
    world.source.commit(wanted(ONE, TWO))
    world.step()
    world.source.platform = replace(
        world.source.platform, demands=Demands(repository="https://git.example/other")
    )
    world.source.commit(wanted(ONE, TWO))
    world.slow.add(TWO)

    world.step()

    assert world.runs == (ONE, TWO)


def test_a_restart_does_not_wait_for_a_canary_that_is_still_being_verified(world: World) -> None:
    world.source.commit(wanted(ONE, TWO))
    world.slow.add(TWO)

    world.step()

    assert world.runs == (ONE,)


def test_a_refusal_stands_while_it_is_looked_at_anew_and_is_told_once(world: World) -> None:
    world.source.commit(wanted(ONE))
    world.bad[ONE] = "no signature"
    world.step()
    world.slow.add(ONE)

    status = world.step(10)
    assert condition(status.deployments[0], "Stalled").reason == "AdmissionRefused"
    world.slow.clear()
    world.step()

    assert len(world.refused) == 1


def kept() -> Deployment:
    """Two runs, and one is kept without traffic."""
    return wanted(ONE).moved_to(wanted(TWO).slots)


def test_a_release_on_standby_runs_once_it_is_admitted(world: World) -> None:
    world.source.commit(kept())

    status = world.step()

    assert set(world.asked) == {ONE, TWO}
    assert world.target.deployments["dev/credit"] == kept()
    assert (status.is_ready, status.deployments[0].standby) == (True, ONE.text)
    assert [each.digest for each in status.deployments[0].running] == [TWO.text]


def test_a_release_on_standby_that_is_refused_stops_nothing_and_is_reported(world: World) -> None:
    world.bad[ONE] = "revoked"
    world.source.commit(kept())

    status = world.step()

    assert world.target.deployments["dev/credit"] == replace(kept(), standby=None)
    assert (status.is_ready, status.deployments[0].standby) == (True, "")
    assert [each.digest for each in world.refused] == [ONE]
