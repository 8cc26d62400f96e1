"""A verdict answers for the commit that asks, from evidence that was read after it."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from goldenpath.deploy.machine.release_admission import ReleaseAdmission
from goldenpath.deploy.reconcile.status import Status
from goldenpath.deploy.reconcile.verdicts import AdmissionQuestion, Underway
from goldenpath.digest import Digest
from goldenpath.promote.manifests.deployment_files import release_path
from goldenpath.promote.manifests.desired import Deployment, Placement, Rollout, Slot, slot_name
from goldenpath.promote.manifests.placement import render_placement
from goldenpath.promote.workspace.stage_history import StageHistory
from goldenpath.release.attest.attach import attach_ssh
from goldenpath.release.attest.statement import DECISION, Statement
from tests.deploy.machine.test_release_admission import Gated
from tests.deploy.reconcile.test_loop import NOW, ONE, TWO, World, condition, wanted
from tests.promote.road import MODEL, Road

DECIDED, APPROVED = Digest.of(b"decision"), Digest.of(b"approval")


@pytest.fixture
def world() -> World:
    return World()


def names(world: World, digest: Digest, *approvals: Digest, decision: Digest = DECIDED) -> None:
    """Commits `digest` with a release file that names a decision and approvals."""
    placement = Placement(digest, None, "", "", Rollout(), approvals, decision)
    world.source.commit(
        wanted(digest), **{release_path("dev", "credit"): render_placement(placement)}
    )


def reason(status: Status) -> str:
    return condition(status.deployments[0], "Ready").reason


def test_evidence_that_the_commit_names_may_arrive_later(world: World) -> None:
    names(world, ONE, APPROVED)
    world.bad[ONE], world.absent = "no decision", {DECIDED}

    waiting = [world.step(1) for _ in range(20)]
    world.bad.clear()
    world.absent.clear()
    world.step(5)

    assert {reason(each) for each in waiting} == {"EvidenceAwaited"}
    assert all(each.may_change and not each.is_settled for each in waiting)
    assert world.questions[0].named == (DECIDED, APPROVED)
    assert world.runs == (ONE,)
    assert not world.refused


def test_it_is_refused_once_it_was_asked_for_after_thirty_seconds_and_was_not_there(
    world: World,
) -> None:
    names(world, ONE)
    world.bad[ONE], world.absent = "no decision", {DECIDED}

    while not world.refused:
        status = world.step(1)
        assert world.now < NOW + timedelta(seconds=60)

    assert world.questions[-1].asked_at >= NOW + timedelta(seconds=31)
    assert DECIDED.short in condition(status.deployments[0], "Stalled").message
    world.step(100)
    assert len(world.refused) == 1


def test_a_refusal_whose_evidence_is_all_there_is_final_at_once(world: World) -> None:
    names(world, ONE)
    world.bad[ONE] = "the decision is by nobody"

    status = world.step()

    assert reason(status) == "AdmissionRefused"
    assert len(world.refused) == 1


def test_a_refused_release_may_still_change_and_a_malformed_file_may_not(world: World) -> None:
    world.source.commit(wanted(ONE))
    world.bad[ONE] = "no signature"
    refused = replace(world.step(), gateway="127.0.0.1:1")
    world.source.commit(**{"envs/dev/credit/inferenceservice.yaml": b"kind: 1"})
    malformed = replace(world.step(), gateway="127.0.0.1:1")

    assert refused.is_settled and refused.may_change
    assert malformed.is_settled and not malformed.may_change


def test_a_newer_commit_asks_at_once_whatever_was_refused_before(world: World) -> None:
    names(world, ONE, decision=APPROVED)
    world.bad[ONE] = "no decision"
    for _ in range(100):
        world.step()
    del world.bad[ONE]
    names(world, ONE)

    world.step(0.1)

    assert world.runs == (ONE,)


def test_a_clock_that_is_set_back_delays_no_second_look(world: World) -> None:
    world.bad[ONE] = "no decision"
    names(world, ONE)
    world.step()
    del world.bad[ONE]
    world.now -= timedelta(hours=1)

    for _ in range(10):
        world.step(1)

    assert world.runs == (ONE,)


def test_each_refused_commit_is_reported_by_itself(world: World) -> None:
    world.bad[ONE] = "no decision"
    names(world, ONE)
    world.step()
    names(world, ONE, APPROVED)
    world.step()

    assert [each.commit for each in world.refused] == ["1", "2"]


def test_the_next_step_of_a_canary_asks_nothing_again(world: World) -> None:
    named = {
        release_path("dev", "credit"): render_placement(
            Placement(TWO, ONE, "", "", Rollout((10, 50, 100)), (APPROVED,), DECIDED)
        )
    }
    first = wanted(ONE, TWO)
    stable, canary = first.slots
    second = replace(first, slots=(replace(stable, percent=50), replace(canary, percent=50)))
    world.source.commit(first, **named)
    world.step()
    world.source.commit(second, **named)
    world.step()

    assert world.target.deployments["dev/credit"] == second
    assert sorted(world.asked) == sorted([ONE, TWO])


def test_a_release_that_runs_is_asked_for_again_when_a_commit_names_another_decision(
    world: World,
) -> None:
    names(world, ONE)
    world.step()
    names(world, ONE, decision=APPROVED)
    world.step()

    assert world.asked == [ONE, ONE]
    assert world.questions[1].named == (APPROVED,)


def test_a_question_of_a_newer_commit_wants_evidence_of_a_later_step(world: World) -> None:
    world.bad[ONE] = "no decision"
    names(world, ONE)
    world.step()
    names(world, ONE, APPROVED)
    world.step()

    assert world.questions[1].step > world.questions[0].step


def test_what_was_read_before_the_commit_does_not_answer_it_and_bytes_are_read_once(
    tmp_path: Path,
) -> None:
    road = Road(tmp_path)
    digest = road.release(b"x" * (2 << 20))
    road.promote(digest, "dev")
    store = Gated(road.home.registry)
    store.gate.set()
    admission = ReleaseAdmission(lambda _: store, StageHistory(road.repository))
    platform = road.trusted().platform
    test = Deployment("test", MODEL, (Slot(slot_name(digest), digest, 100),))

    def refused(step: int, *named: Digest) -> tuple[bool, tuple[Digest, ...]]:
        question = AdmissionQuestion(road.now, road.now, step, None, named, road.trusted().commit)
        while True:
            road.pass_time(seconds=1)
            try:
                answer = admission(platform, test, digest, replace(question, at=road.now))
            except Underway:
                continue
            return any(each.status == "fail" for each in answer.findings), answer.missing

    assert refused(1, DECIDED) == (True, (DECIDED,))
    done = road.promote(digest, "test")
    assert done.envelope is not None
    assert refused(1, done.envelope)[0]  # the same question has the same answer
    assert refused(2, done.envelope) == (False, ())
    assert store.readings == 1


def test_what_a_named_decision_cites_is_waited_for_too(tmp_path: Path) -> None:
    road = Road(tmp_path)
    digest = road.release()
    image = road.store.resolve(digest.text)
    cites = Statement((digest,), DECISION, {"approvals": [APPROVED.text], "waivers": ["none"]})
    acting = road.people["platform-engineer"]
    decision = attach_ssh(road.store, image, cites, acting.key, now=road.now).digest
    admission = ReleaseAdmission(lambda _: road.store, StageHistory(road.repository))
    platform = road.trusted().platform
    dev = Deployment("dev", MODEL, (Slot(slot_name(digest), digest, 100),))

    while True:
        road.pass_time(seconds=1)
        try:
            question = AdmissionQuestion(
                road.now, road.now, 1, None, (decision,), road.trusted().commit
            )
            answer = admission(platform, dev, digest, question)
            break
        except Underway:
            continue

    assert answer.missing == (APPROVED,)


def test_a_store_that_cannot_say_is_asked_again_within_a_second_and_at_least_each_minute(
    world: World,
) -> None:
    names(world, ONE)
    world.away = True
    world.step()
    world.step(0.5)
    assert len(world.asked) == 2
    for _ in range(600):
        world.step()
    asked = len(world.asked)
    for _ in range(61):
        world.step()

    assert len(world.asked) > asked
    assert not world.refused
