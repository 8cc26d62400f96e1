"""A waiver by a second person opens one gate for one release in one stage until a date."""

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from goldenpath.audit.events.event_log import EventLog
from goldenpath.canonical import JsonValue
from goldenpath.cli import gate, waive
from goldenpath.digest import Digest
from goldenpath.errors import REFUSED, InvalidInput
from goldenpath.promote.acts.intents import GateWaiver
from goldenpath.promote.gates.gate import Decision, decision_statement
from goldenpath.promote.workspace.questions import assess
from goldenpath.promote.workspace.scene_reader import deployment_of
from goldenpath.promote.workspace.stage_changes import waive as sign_waiver
from goldenpath.promote.workspace.workspace import Outcome
from goldenpath.release.attest.attach import attach_ssh
from goldenpath.release.attest.policy import Finding
from goldenpath.release.attest.statement import WAIVER, Statement
from goldenpath.train.training_run import Metric
from tests.promote.road import METRICS, MODEL, Road, good_run

REASON = "the validation group reviewed the shift in note 12"
BAD = Metric("roc_auc", 0.86, 0.84, 0.88, 500)


@pytest.fixture
def road(tmp_path: Path) -> Road:
    return Road(tmp_path)


def weak(road: Road, weights: bytes = b"weak") -> Digest:
    """A release in dev with an area under the curve whose interval misses the limit."""
    run = dataclasses.replace(good_run(), metrics=(BAD, *METRICS[1:]))
    digest = road.release(weights, run)
    assert road.promote(digest, "dev").commit
    return digest


def waived(
    road: Road, digest: Digest, by: str = "validator", gate: str = "thresholds", days: int = 30
) -> Outcome[GateWaiver]:
    road.pass_time(minutes=1)
    until = road.now + timedelta(days=days)
    return sign_waiver(road.desk(by), digest, gate, "prod", reason=REASON, until=until)


def judged(road: Road, digest: Digest, stage: str = "prod", actor: str = "") -> Decision:
    road.pass_time(minutes=1)
    return assess(road.view(), digest, stage, actor).decision


def finding(decision: Decision, name: str = "thresholds") -> Finding:
    (found,) = (each for each in decision.findings if each.check == name)
    return found


def test_a_waiver_opens_its_gate_in_its_stage_and_says_who_why_and_until(road: Road) -> None:
    digest = weak(road)
    before = finding(judged(road, digest))

    done = waived(road, digest)

    after = judged(road, digest)
    assert before.status == "fail"
    assert finding(after).status == "waived"
    assert "waived by validator until 2026-12-23" in finding(after).message
    assert REASON in finding(after).message
    assert before.message in finding(after).message
    assert after.waivers == (done.envelope,)
    predicate = decision_statement(after).predicate
    assert predicate["waivers"] == [str(done.envelope)]
    assert "waived" in json.dumps(predicate["findings"])


def test_a_waiver_is_about_one_release(road: Road) -> None:
    waived(road, weak(road))

    assert finding(judged(road, weak(road, b"other"))).status == "fail"


def test_a_waiver_ends(road: Road) -> None:
    digest = weak(road)
    waived(road, digest, days=2)

    road.pass_time(days=2)

    after = finding(judged(road, digest))
    assert after.status == "fail"
    assert "ended on" in after.message


def test_who_promotes_does_not_profit_from_a_waiver_of_their_own(road: Road) -> None:
    digest = weak(road)
    waived(road, digest)

    decision = judged(road, digest, actor="validator")

    assert finding(decision).status == "fail"
    assert "is the person who promotes" in finding(decision).message


def test_neither_the_author_nor_somebody_of_no_role_may_waive(road: Road) -> None:
    digest = weak(road)

    with pytest.raises(InvalidInput, match="author of the change"):
        waived(road, digest, by="data-scientist")
    with pytest.raises(InvalidInput, match="none of the roles"):
        waived(road, digest, by="platform-engineer")


@pytest.mark.parametrize("gate", ["evidence", "approvals"])
def test_what_everything_rests_on_cannot_be_waived(road: Road, gate: str) -> None:
    with pytest.raises(InvalidInput, match="cannot be waived"):
        waived(road, weak(road), gate=gate)


@pytest.mark.parametrize(
    ("gate", "days", "said"),
    [
        ("vibes", 30, "has no gate"),
        ("fairness", 30, "is not closed"),
        ("thresholds", 0, "must end after now"),
        ("thresholds", 400, "within a year"),
    ],
)
def test_a_waiver_that_says_nothing_is_not_signed(
    road: Road, gate: str, days: int, said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        waived(road, weak(road), gate=gate, days=days)


def test_an_approval_from_before_the_waiver_did_not_know_of_it(road: Road) -> None:
    digest = weak(road)
    road.approve(digest, "risk-manager")
    waived(road, digest)
    road.pass_time(minutes=1)
    road.approve(digest, "validator")

    said = finding(judged(road, digest), "approvals").message

    assert "1 of 2 people approved (validator)" in said
    assert "risk-manager: was given before validator waived a gate" in said


def admitted(road: Road, digest: Digest) -> tuple[Finding, ...]:
    trusted = road.trusted()
    prod = deployment_of(road.repository, trusted, "prod", MODEL)
    assert prod is not None
    return road.admission(prod, digest)


def in_prod_by_waiver(road: Road) -> Digest:
    digest = weak(road)
    road.pass_time(minutes=1)
    until = road.now + timedelta(days=30)
    sign_waiver(road.desk("validator"), digest, "thresholds", "test", reason=REASON, until=until)
    assert road.promote(digest, "test").commit
    waived(road, digest)
    road.pass_time(minutes=1)
    road.approve(digest, "validator", "risk-manager")
    assert road.promote(digest, "prod").commit
    return digest


def test_what_runs_by_a_waiver_says_so_and_says_when_the_waiver_has_ended(road: Road) -> None:
    digest = in_prod_by_waiver(road)

    now = admitted(road, digest)
    road.pass_time(days=33)
    later = admitted(road, digest)

    assert {each.status for each in (*now, *later)} == {"pass", "waived"}
    assert f"by validator until 2026-12-23: {REASON}" in now[-1].message
    assert "ended" not in now[-1].message
    assert later[-1].message.endswith("; that ended 3 days ago")


def test_a_decision_that_only_says_that_a_gate_was_waived_is_not_admitted(road: Road) -> None:
    digest = in_prod_by_waiver(road)
    (real,) = (each for each in admitted(road, digest) if each.check == "decision")
    other = weak(road, b"other")
    decision = judged(road, digest, actor="platform-engineer")
    signed = road.approve(other, "validator", "risk-manager")
    approved = [each.envelope for each in signed if each.envelope is not None]
    for cited in (decision.waivers, ()):
        forged = dataclasses.replace(
            decision,
            digest=other,
            findings=(Finding("thresholds", "waived", "as agreed"),),
            approvals=tuple(sorted(approved)),
            evidence=evidence_of(road, other),
            waivers=cited,
        )
        image, desk = road.store.resolve(other.text), road.desk("platform-engineer")
        attach_ssh(road.store, image, decision_statement(forged), desk.acting.key, now=road.now)

    assert real.status == "pass"
    assert [each.check for each in admitted(road, other) if each.status == "fail"] == ["decision"]
    honest = dataclasses.replace(forged, findings=())
    attach_ssh(road.store, image, decision_statement(honest), desk.acting.key, now=road.now)
    assert [each.check for each in admitted(road, other) if each.status == "fail"] == ["decision"]


def evidence_of(road: Road, digest: Digest) -> tuple[Digest, ...]:
    return judged(road, digest).evidence


def test_the_verb_leaves_an_event_and_the_gate_shows_the_waiver(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOLDENPATH_HOME", str(tmp_path / "home"))
    road = Road(tmp_path, datetime.now(UTC) - timedelta(minutes=10))
    digest = weak(road)
    until = (datetime.now(UTC) + timedelta(days=9)).date().isoformat()

    done = CliRunner().invoke(
        waive.verb,
        [digest.text, "--gate", "thresholds", "--stage", "prod", "--reason", REASON, "--until",
         until, "--as", "validator", "--key", str(tmp_path / "validator")],
        catch_exceptions=False,
    )  # fmt: skip
    shown = CliRunner().invoke(gate.verb, [digest.text, "--stage", "prod"], catch_exceptions=False)

    assert "validator waived thresholds" in done.stdout
    assert "waived thresholds       roc_auc misses 0.85" in shown.stdout
    assert shown.exit_code == REFUSED
    (event,) = EventLog(road.home.events).read()
    assert (event.kind, event.actor, event.stage) == ("release.waived", "validator", "prod")


@pytest.mark.parametrize("until", ["never", "", "2026-12-01", 7])
def test_a_waiver_that_ends_on_no_day_opens_nothing_and_breaks_no_gate(
    road: Road, until: JsonValue
) -> None:
    digest = weak(road)
    predicate: dict[str, JsonValue] = {
        "version": 1,
        "gate": "thresholds",
        "scope": {"model": MODEL, "environment": "prod", "until": until},
        "reason": REASON,
    }
    desk, image = road.desk("validator"), road.store.resolve(digest.text)
    statement = Statement((digest,), WAIVER, predicate)
    attach_ssh(road.store, image, statement, desk.acting.key, now=road.now)

    closed = finding(judged(road, digest))

    assert closed.status == "fail"
    assert "validator ends on no day that can be read" in closed.message
