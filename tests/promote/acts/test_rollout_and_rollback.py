"""Rollout and rollback as pure functions: every refusal, and what each writes."""

from dataclasses import replace
from datetime import timedelta

import pytest

from goldenpath.digest import Digest
from goldenpath.errors import AlreadyDone, InvalidInput, NotFound, Stalled, VerificationError
from goldenpath.promote.acts.intents import StageChange, Unchanged
from goldenpath.promote.acts.rolling import Grounds, destination_of, note_hold, roll_back, roll_out
from goldenpath.promote.acts.scene import Destination, RollbackScene, StageScene
from goldenpath.promote.manifests.desired import Deployment, Slot, slot_name
from goldenpath.promote.platform.platform import Freeze
from tests.promote.acts.scenes import (
    BREAK_GLASS_RECORD,
    DECISION,
    MACHINE,
    MODEL,
    NOW,
    ONE,
    PROD,
    RULE,
    THREE,
    TWO,
    placed,
    scene,
    verified,
)

CANARY = ((ONE, 90), (TWO, 10))
GROUNDS = Grounds(TWO, 10, ("errors 1 of 900, 2 of 100",))
FROZEN = replace(PROD, freezes=(Freeze(NOW, NOW + timedelta(days=1), "end of the year"),))


def shares(done: StageChange) -> list[tuple[Digest, int]]:
    return [(slot.digest, slot.percent) for slot in done.deployment.slots]


@pytest.mark.parametrize(
    ("at", "to", "after"),
    [
        (10, None, [(ONE, 50), (TWO, 50)]),
        (50, None, [(TWO, 100)]),
        (10, 30, [(ONE, 70), (TWO, 30)]),
        (30, None, [(ONE, 50), (TWO, 50)]),
        (0, None, [(ONE, 90), (TWO, 10)]),
        (60, None, [(TWO, 100)]),
        (10, 100, [(TWO, 100)]),
    ],
)
def test_a_canary_takes_its_next_step_or_the_one_that_is_named(
    at: int, to: int | None, after: list[tuple[Digest, int]]
) -> None:
    done = roll_out(scene((ONE, 100 - at), (TWO, at)), to)

    assert shares(done) == after
    assert done.message.share == after[-1][1]
    assert (done.message.previous, done.message.decision) == (ONE, DECISION)
    assert done.message.reason == f"from {at} to {after[-1][1]} percent"


def test_a_step_forgets_why_the_judge_held_the_step_before() -> None:
    done = roll_out(scene(*CANARY, judged=("too few answers",)), None, "good", GROUNDS)

    assert done.placement.judged == ()
    assert done.message.judged == GROUNDS.judged
    assert done.message.reason == "good"


def test_a_canary_that_becomes_the_stable_has_the_servers_of_both() -> None:
    slots = (Slot(slot_name(ONE), ONE, 90, 3), Slot(slot_name(TWO), TWO, 10, 1))
    seen = replace(scene(*CANARY), deployment=Deployment("prod", MODEL, slots))

    (stable,) = roll_out(seen, 100).deployment.slots

    assert stable.replicas == 3


def test_a_canary_that_is_there_already_is_no_failure() -> None:
    with pytest.raises(AlreadyDone, match="at 10 percent already"):
        roll_out(scene(*CANARY), 10)


@pytest.mark.parametrize("to", [9, 5, 0, 101])
def test_a_canary_only_grows(to: int) -> None:
    with pytest.raises(InvalidInput, match=f"cannot go from 10 to {to} percent"):
        roll_out(scene(*CANARY), to)


@pytest.mark.parametrize(
    ("seen", "error", "said"),
    [
        (scene(), NotFound, f"{MODEL} is not in prod"),
        (scene((ONE, 100)), InvalidInput, "has no canary"),
        (scene(*CANARY, hold="validator: why"), Stalled, "is on hold: validator: why"),
        (scene(*CANARY, stage=FROZEN), Stalled, "prod is frozen until .*: end of the year"),
        (
            scene(*CANARY, now=BREAK_GLASS_RECORD.until, break_glass=BREAK_GLASS_RECORD),
            Stalled,
            "a second person was due by",
        ),
    ],
    ids=["nowhere", "no canary", "hold", "freeze", "overdue"],
)
def test_what_keeps_a_canary_as_it_is(seen: StageScene, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        roll_out(seen, None)


@pytest.mark.parametrize(
    "seen",
    [
        scene(*CANARY, person=MACHINE),
        scene(*CANARY, break_glass=BREAK_GLASS_RECORD),
        scene(*CANARY, break_glass=BREAK_GLASS_RECORD, stage=FROZEN),
        scene(
            *CANARY,
            break_glass=BREAK_GLASS_RECORD,
            now=BREAK_GLASS_RECORD.until,
            stage=replace(PROD, break_glass=replace(RULE, overdue="alarm")),
        ),
    ],
    ids=["a machine", "in time", "in a freeze", "overdue is an alarm"],
)
def test_what_does_not_keep_it(seen: StageScene) -> None:
    assert shares(roll_out(seen, None)) == [(ONE, 50), (TWO, 50)]


@pytest.mark.parametrize("canary", [replace(GROUNDS, percent=50), replace(GROUNDS, canary=ONE)])
def test_a_verdict_on_another_canary_moves_nothing(canary: Grounds) -> None:
    said = "which is no longer its canary"
    with pytest.raises(InvalidInput, match=said):
        roll_out(scene(*CANARY), None, grounds=canary)
    with pytest.raises(InvalidInput, match=said):
        note_hold(scene(*CANARY), "looks worse", "why", canary)
    with pytest.raises(InvalidInput, match=said):
        roll_back(back(scene(*CANARY), ONE), "why", canary)
    with pytest.raises(InvalidInput, match=said):
        roll_back(back(scene((TWO, 100)), ONE), "why", GROUNDS)


def back(seen: StageScene, to: Digest, *, chosen: bool = False, fault: str = "") -> RollbackScene:
    return RollbackScene(seen, Destination(to, verified(to, fault=fault), chosen))


@pytest.mark.parametrize(
    ("seen", "to", "leads"),
    [
        (scene(*CANARY), None, ONE),
        (scene((TWO, 100), previous=ONE), None, ONE),
        (scene((TWO, 100)), None, None),
        (scene(*CANARY), THREE, THREE),
    ],
    ids=["away with the canary", "to the one before", "nowhere", "chosen"],
)
def test_where_a_rollback_leads(seen: StageScene, to: Digest | None, leads: Digest | None) -> None:
    assert destination_of(seen, to) == leads


def test_going_back_takes_the_whole_traffic_and_says_what_was_taken_away() -> None:
    held = scene(*CANARY, hold="validator: why", approvals=(THREE,), break_glass=BREAK_GLASS_RECORD)

    done = roll_back(back(held, ONE), "answers differ", GROUNDS)

    assert shares(done) == [(ONE, 100)]
    plan = placed(TWO).rollout
    assert done.placement == placed(
        ONE, repository="", commit="", decision=None, rolled_back=TWO, hold="validator: why",
        rollout=plan,
    )  # fmt: skip
    assert (done.message.previous, done.message.share) == (TWO, 100)
    assert (done.decision, done.statement) == (None, None)


@pytest.mark.parametrize("seen", [scene(*CANARY, stage=FROZEN), scene(*CANARY, hold="x: y")])
def test_neither_freeze_nor_hold_keeps_a_release_from_going_back(seen: StageScene) -> None:
    assert shares(roll_back(back(seen, ONE), "errors")) == [(ONE, 100)]


@pytest.mark.parametrize(
    ("seen", "error", "said"),
    [
        (RollbackScene(scene((TWO, 100)), None), NotFound, "has no release before"),
        (RollbackScene(scene(), None), NotFound, f"{MODEL} is not in prod"),
        (back(scene((ONE, 100)), ONE, chosen=True), InvalidInput, "runs .* already"),
        (
            RollbackScene(scene(*CANARY), Destination(THREE, None, was_chosen=True)),
            InvalidInput,
            "was never the stable release",
        ),
        (
            back(scene(*CANARY), ONE, fault="layer model.onnx has the wrong digest"),
            VerificationError,
            "does not verify: layer model.onnx",
        ),
    ],
    ids=["no release before", "nowhere", "runs already", "never stable", "does not verify"],
)
def test_where_nobody_goes_back_to(seen: RollbackScene, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        roll_back(seen, "errors")


def test_a_hold_of_the_judge_is_noted_once_for_each_state() -> None:
    done = note_hold(scene(*CANARY, judged=("too few answers",)), "looks worse", "why", GROUNDS)

    assert isinstance(done, StageChange)
    assert done.placement.judged == ("too few answers", "looks worse")
    assert (done.message.action, done.message.reason) == ("judge", "hold: why")
    assert done.deployment == scene(*CANARY).deployment
    again = note_hold(replace(scene(*CANARY), placement=done.placement), "looks worse", "", GROUNDS)
    assert again == Unchanged()
