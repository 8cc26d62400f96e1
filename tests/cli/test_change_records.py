"""What verbs that change a platform print as JSON: programs of others read these keys."""

from dataclasses import replace
from datetime import timedelta

import pytest

from goldenpath.cli.changing import change_record
from goldenpath.cli.judgement_records import approval_record, waiver_record
from goldenpath.cli.trusting import trust_record, trust_text
from goldenpath.digest import Digest
from goldenpath.promote.acts.approving import approve
from goldenpath.promote.acts.founding import platform_files
from goldenpath.promote.acts.holding import hold
from goldenpath.promote.acts.intents import TrustIntent
from goldenpath.promote.acts.proposal import change_trust
from goldenpath.promote.acts.waiving import waive
from goldenpath.promote.forge.pull_request import MergeAnswer
from goldenpath.promote.workspace.workspace import Outcome
from tests.promote.acts.scenes import (
    NOW,
    ONE,
    PEOPLE,
    PROD,
    TWO,
    release_scene,
    scene,
    town,
    trust_scene,
)

ENVELOPE = Digest.of(b"envelope")
VALIDATOR = PEOPLE["validator"]
MESSAGE = "platform: change\n\nWhy.\n"


def test_a_change_of_a_stage() -> None:
    intent = hold(scene((ONE, 90), (TWO, 10)), "complaints")

    record = change_record(Outcome(intent, "c" * 40))

    assert list(record) == [
        "decision", "deployment", "commit", "approved_by", "envelope", "reason", "diff", "branch",
        "request",
    ]  # fmt: skip
    assert (record["deployment"], record["reason"]) == (intent.deployment, "complaints")


def test_an_approval() -> None:
    intent = approve(release_scene(scene(person=VALIDATOR), actor="nobody"))

    record = approval_record(Outcome(intent, envelope=ENVELOPE))

    assert list(record) == [
        "person", "stage", "model", "digest", "envelope", "until", "evidence", "confirmed",
        "commit", "branch", "request",
    ]  # fmt: skip
    assert (record["until"], record["envelope"]) == ("2026-12-23T12:00:00+00:00", ENVELOPE)


def test_a_waiver() -> None:
    stage = replace(PROD, gates=("evidence", "checks"))
    seen = release_scene(scene(person=VALIDATOR, stage=stage), actor="nobody")
    intent = waive(seen, "checks", "the group looked at it", NOW + timedelta(days=1))

    record = waiver_record(Outcome(intent, envelope=ENVELOPE))

    assert list(record) == [
        "person", "gate", "stage", "model", "digest", "envelope", "until", "reason", "said",
    ]  # fmt: skip
    assert record["until"] == "2026-11-24T12:00:00Z"


def changed(*, is_set_up: bool) -> TrustIntent:
    return change_trust(trust_scene(is_set_up=is_set_up), platform_files(town()), MESSAGE)


@pytest.mark.parametrize(
    ("done", "waits", "text"),
    [
        (Outcome(changed(is_set_up=False), "c" * 40), False, "commit ccc"),
        (Outcome(changed(is_set_up=True)), True, "confirm it with: goldenpath confirm"),
        (
            Outcome(changed(is_set_up=True), branch="goldenpath/x", request=MergeAnswer("there")),
            True,
            "waits in the branch goldenpath/x\npull request there",
        ),
    ],
    ids=["on main", "for a second person", "in a branch"],
)
def test_a_change_of_trust(done: Outcome[TrustIntent], waits: bool, text: str) -> None:
    record = trust_record(done)

    assert list(record) == ["commit", "proposal", "by", "diff", "branch", "request"]
    assert bool(record["proposal"]) is waits
    assert text in trust_text(done)
