"""Approvals, waivers and the second person after break-glass, before anything is signed."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.promote.acts.approving import approve, confirm_break_glass
from goldenpath.promote.acts.intents import StageChange, Unchanged
from goldenpath.promote.acts.scene import ReleaseScene, StageScene
from goldenpath.promote.acts.waiving import waive
from tests.promote.acts.scenes import (
    BREAK_GLASS_RECORD,
    DECISION,
    HEAD,
    MODEL,
    NOW,
    ONE,
    PEOPLE,
    PROD,
    TWO,
    WHY,
    release_scene,
    scene,
)

VALIDATOR = PEOPLE["validator"]
ENVELOPE = Digest.of(b"approval")
CLOSED = "it is not signed"
REASON = "the validation group reviewed the shift in note 12"
UNTIL = NOW + timedelta(days=30)


def before(person: str = "validator", fault: str = "") -> ReleaseScene:
    return release_scene(scene(person=PEOPLE[person]), fault=fault, actor="nobody")


def test_an_approval_is_for_one_release_one_stage_and_a_time() -> None:
    done = approve(before(), "seen", timedelta(days=3))

    assert done.statement.subjects == (TWO,)
    assert done.statement.predicate["scope"] == {
        "environment": "prod",
        "model": MODEL,
        "until": "2026-11-26T12:00:00Z",
    }
    assert done.statement.predicate["role"] == "validator"
    assert done.statement.predicate["comment"] == "seen"
    assert (done.person, done.until, done.confirms) == ("validator", NOW + timedelta(days=3), "")


@pytest.mark.parametrize(
    ("person", "roles", "role"),
    [
        ("validator", ("validator", "risk-manager"), "validator"),
        ("platform-engineer", (), "platform-engineer"),
    ],
)
def test_the_role_is_one_that_the_stage_asks_for(
    person: str, roles: tuple[str, ...], role: str
) -> None:
    stage = replace(PROD, approver_roles=roles)
    seen = release_scene(scene(person=PEOPLE[person], stage=stage), actor="nobody")

    assert approve(seen).statement.predicate["role"] == role


@pytest.mark.parametrize("lifetime", [timedelta(0), timedelta(days=367)])
def test_an_approval_lives_for_at_most_a_year(lifetime: timedelta) -> None:
    with pytest.raises(InvalidInput, match="at least a second and at most a year"):
        approve(before(), lifetime=lifetime)


def test_who_has_no_role_or_promotes_cannot_approve_or_waive() -> None:
    promotes = release_scene(scene(person=VALIDATOR))
    for seen, said in (
        (before("platform-engineer"), "has none of the roles"),
        (promotes, "is the person who promotes"),
    ):
        name = seen.stage.person.name
        with pytest.raises(InvalidInput, match=f"{name} cannot approve .* for prod: {said}"):
            approve(seen)
        with pytest.raises(InvalidInput, match=f"{name} cannot waive evidence for prod: {said}"):
            waive(seen, "evidence", REASON, UNTIL)


def test_an_approval_after_break_glass_is_by_somebody_else() -> None:
    broken = scene((ONE, 90), (TWO, 10), person=VALIDATOR, break_glass=BREAK_GLASS_RECORD)
    own = replace(BREAK_GLASS_RECORD, by="validator")

    assert approve(release_scene(broken, actor="nobody")).confirms == "platform-engineer"
    with pytest.raises(
        InvalidInput, match=r"validator used break-glass .*: somebody else must approve"
    ):
        approve(release_scene(scene((TWO, 100), person=VALIDATOR, break_glass=own), actor="nobody"))
    # The record is about the release that is there, and not about the next one.
    assert approve(release_scene(broken, ONE, actor="nobody")).confirms == ""


def test_the_second_person_ends_break_glass_by_a_commit() -> None:
    broken = scene(
        (ONE, 90),
        (TWO, 10),
        person=VALIDATOR,
        break_glass=BREAK_GLASS_RECORD,
        approvals=(DECISION,),
    )

    done = confirm_break_glass(broken, TWO, ENVELOPE)

    assert isinstance(done, StageChange)
    assert (done.placement.break_glass, done.placement.approvals) == (None, (DECISION, ENVELOPE))
    assert list(done.files) == [f"envs/prod/{MODEL}/release.yaml"]
    message = done.message.render()
    assert "Approved-By: validator\nBreak-Glass-Confirmed: platform-engineer\n" in message
    assert f"Reason: confirms the break-glass of platform-engineer: {WHY}" in message
    assert (done.parent, done.message.share) == (HEAD, 10)


@pytest.mark.parametrize(
    "seen",
    [
        scene(person=VALIDATOR),
        scene((ONE, 100), person=VALIDATOR, break_glass=BREAK_GLASS_RECORD),
        scene((TWO, 100), person=VALIDATOR),
    ],
    ids=["gone", "another release", "somebody was faster"],
)
def test_nothing_is_committed_for_a_release_that_does_not_wait(seen: StageScene) -> None:
    assert confirm_break_glass(seen, TWO, ENVELOPE) == Unchanged()


WAIVABLE = replace(PROD, gates=("evidence", "checks"))


def closed() -> ReleaseScene:
    """No record of any check: the gate for checks is closed."""
    return release_scene(scene(person=VALIDATOR, stage=WAIVABLE), actor="nobody")


def test_a_waiver_names_gate_release_stage_reason_and_end() -> None:
    done = waive(closed(), "checks", REASON, UNTIL)

    assert done.statement.subjects == (TWO,)
    assert dict(done.statement.predicate) == {
        "version": 1,
        "gate": "checks",
        "scope": {"model": MODEL, "environment": "prod", "until": "2026-12-23T12:00:00Z"},
        "reason": REASON,
    }
    assert (done.person, done.gate, done.time) == ("validator", "checks", NOW)
    assert done.message


@pytest.mark.parametrize(
    ("gate", "reason", "until", "said"),
    [
        ("evidence", REASON, UNTIL, "the gate evidence cannot be waived"),
        ("checks", "why", UNTIL, "a reason of at least 10 characters"),
        ("checks", REASON, NOW, "must end after now and within a year"),
        ("checks", REASON, NOW + timedelta(days=400), "must end after now and within a year"),
        ("vibes", REASON, UNTIL, "prod has no gate 'vibes': expected one of evidence, checks"),
    ],
)
def test_a_waiver_that_would_not_count_is_not_signed(
    gate: str, reason: str, until: datetime, said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        waive(closed(), gate, reason, until)


def test_an_open_gate_is_not_waived() -> None:
    stage = replace(PROD, gates=("evidence", "data"))
    seen = release_scene(scene(person=VALIDATOR, stage=stage), actor="nobody")

    with pytest.raises(InvalidInput, match="the gate data is not closed"):
        waive(seen, "data", REASON, UNTIL)
