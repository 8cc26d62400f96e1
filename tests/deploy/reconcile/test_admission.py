"""Admission judges the gates itself: a promoter's decision is a record."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from goldenpath.deploy.reconcile.admission import VerifiedEntry, judged
from goldenpath.digest import Digest
from goldenpath.promote.acts.founding import platform_files
from goldenpath.promote.gates.admission_policy import release_policy
from goldenpath.promote.gates.approval import approval
from goldenpath.promote.gates.entry_rules import entry_rules
from goldenpath.promote.gates.gate import Decision, decision_statement
from goldenpath.promote.manifests.deployment_files import render_deployment
from goldenpath.promote.manifests.desired import Deployment, Slot, slot_name
from goldenpath.promote.platform.custom_gate import NamedGate
from goldenpath.promote.platform.expression import Expression
from goldenpath.promote.platform.platform import Platform
from goldenpath.promote.repository.countersign import base_of, sign_change
from goldenpath.promote.workspace.questions import assess
from goldenpath.promote.workspace.scene_reader import deployment_of
from goldenpath.promote.workspace.stage_changes import roll_back
from goldenpath.promote.workspace.stage_changes import waive as sign_waiver
from goldenpath.release.attest.attach import attach, attach_ssh
from goldenpath.release.attest.keys import key_from_pem, public_pem
from goldenpath.release.attest.policy import Finding
from goldenpath.release.attest.statement import Statement
from goldenpath.release.attest.verify import verify
from goldenpath.release.evidence.scan import scan, scan_statement
from goldenpath.release.evidence.training_statements import statements
from goldenpath.train.training_run import Metric, TrainingRun
from tests.promote.repository.deployed import replacing
from tests.promote.road import METRICS, MODEL, Road, good_run
from tests.release.attest.releases import new_signer
from tests.release.attest.runs import BUILDER

WEAK = Metric("roc_auc", 0.5, 0.49, 0.51, 6000)


@pytest.fixture
def road(tmp_path: Path) -> Road:
    return Road(tmp_path)


def weak_run() -> TrainingRun:
    return replace(good_run(), metrics=(WEAK, *METRICS[1:]))


def failed(findings: tuple[Finding, ...]) -> list[str]:
    return [each.check for each in findings if each.status == "fail"]


def prod(*digests: Digest) -> Deployment:
    shares = (100,) if len(digests) == 1 else (90, 10)
    slots = tuple(Slot(slot_name(d), d, s) for d, s in zip(digests, shares, strict=True))
    return Deployment("prod", MODEL, slots)


def forged(road: Road, digest: Digest, *, by: str = "platform-engineer") -> Decision:
    """A decision of one promoter that says every gate passed."""
    honest = assess(road.view(), digest, "prod", by).decision
    passed = tuple(
        Finding(each.check, "pass", "passed") if each.status == "fail" else each
        for each in honest.findings
    )
    return replace(honest, findings=passed)


def brought_by_hand(road: Road, digest: Digest, decision: Decision | None = None) -> None:
    """Sign the decision, and commit the release to prod by hand."""
    acting = road.people["platform-engineer"]
    statement = decision_statement(decision or forged(road, digest))
    image = road.store.resolve(digest.text)
    attach_ssh(road.store, image, statement, acting.key, now=road.now)
    road.pass_time(minutes=1)
    trusted = road.trusted()
    made = render_deployment(prod(digest), trusted.platform)
    files = replacing(road.repository, trusted.commit, made)
    road.repository.commit(
        trusted.commit, files, "prod: by hand", acting.name, key=acting.key, now=road.now
    )


def admission(road: Road, digest: Digest) -> tuple[Finding, ...]:
    declared = deployment_of(road.repository, road.trusted(), "prod", MODEL)
    assert declared is not None
    return road.admission(declared, digest)


def test_a_promoted_release_is_admitted_by_every_gate_judged_again(road: Road) -> None:
    digest = road.release()
    road.bring_to_prod(digest)

    findings = admission(road, digest)

    gates = {each.check: each for each in findings}["gates"]
    asked = len(road.trusted().platform.stages[-1].gates) - 1  # approvals are counted by themselves
    assert gates.message == f"{asked} gates were judged again, 0 are closed"
    assert failed(findings) == []


def test_a_forged_decision_opens_no_gate(road: Road) -> None:
    road.bring_to_prod(road.release())
    bad = road.release(b"bad", run=weak_run())
    road.approve(bad, "validator", "risk-manager")

    brought_by_hand(road, bad)

    assert {"thresholds", "champion", "stage-before"} <= set(failed(admission(road, bad)))


@pytest.mark.parametrize(
    ("change", "closed"),
    [
        (lambda run: replace(run, metrics=(WEAK, *METRICS[1:])), "thresholds"),
        (lambda run: replace(run, source=replace(run.source, dirty=True)), "clean-source"),
        (lambda run: replace(run, checks=run.checks[1:]), "checks"),
        (lambda run: replace(run, thresholds_digest=Digest.of(b"x").text), "threshold-order"),
    ],
)
def test_each_closed_gate_stays_closed_whatever_the_promoter_signed(
    road: Road, change: Callable[[TrainingRun], TrainingRun], closed: str
) -> None:
    bad = road.release(b"bad", run=change(good_run()))
    road.approve(bad, "validator", "risk-manager")

    brought_by_hand(road, bad)

    assert closed in failed(admission(road, bad))


def test_the_soak_is_counted_from_the_commits_of_the_stage_before(road: Road) -> None:
    platform = road.trusted().platform
    dev, test, last = platform.stages
    slow = replace(last, soak=timedelta(hours=2))
    road.change_platform(replace(platform, stages=(dev, test, slow)))
    digest = road.release()
    for stage in ("dev", "test"):
        road.promote(digest, stage)
    road.approve(digest, "validator", "risk-manager")
    early = forged(road, digest)
    road.pass_time(hours=1)

    brought_by_hand(road, digest, early)

    assert failed(admission(road, digest)) == ["stage-before"]
    road.pass_time(hours=5)
    assert failed(admission(road, digest)) == ["stage-before"], "soak is judged at the entry"


def test_a_forged_decision_of_today_does_not_use_approvals_that_had_ended(road: Road) -> None:
    digest = road.release()
    for stage in ("dev", "test"):
        road.promote(digest, stage)
    road.approve(digest, "validator", "risk-manager")
    dated_back = forged(road, digest)
    image, acting = road.store.resolve(digest.text), road.people["platform-engineer"]
    attach_ssh(road.store, image, decision_statement(dated_back), acting.key, now=road.now)
    road.pass_time(days=335)

    brought_by_hand(road, digest, replace(dated_back, decided_at=road.now.isoformat()))

    assert failed(admission(road, digest)) == ["decision"]


def test_a_statement_signed_later_stops_nothing_that_runs(road: Road) -> None:
    digest = road.release()
    road.bring_to_prod(digest)
    road.pass_time(days=1)
    image = road.store.resolve(digest.text)
    late = scan_statement(scan({"model.pkl": b"\x80\x04."}, ()), (digest,))
    attach(road.store, image, late, road.signer, now=road.now)

    assert failed(admission(road, digest)) == []


def test_a_decision_cannot_leave_out_a_statement_that_was_there(road: Road) -> None:
    digest = road.release()
    for stage in ("dev", "test"):
        road.promote(digest, stage)
    road.approve(digest, "validator", "risk-manager")
    before = forged(road, digest)
    road.pass_time(minutes=1)
    image = road.store.resolve(digest.text)
    bad = scan_statement(scan({"model.pkl": b"\x80\x04."}, ()), (digest,))
    attach(road.store, image, bad, road.signer, now=road.now)

    brought_by_hand(road, digest, before)

    assert "scan" in failed(admission(road, digest))


def test_a_waiver_excuses_its_gate_and_an_invented_one_does_not(road: Road) -> None:
    metrics = (Metric("roc_auc", 0.84, 0.83, 0.85, 6000), *METRICS[1:])
    digest = road.release(run=replace(good_run(), metrics=metrics))
    road.promote(digest, "dev")
    until = road.now + timedelta(days=30)
    for stage in ("test", "prod"):
        sign_waiver(
            road.desk("validator"), digest, "thresholds", stage, reason="seen and accepted",
            until=until,
        )  # fmt: skip
    road.promote(digest, "test")
    road.pass_time(minutes=1)
    road.approve(digest, "validator", "risk-manager")
    done = road.promote(digest, "prod")
    assert done.commit

    assert failed(admission(road, digest)) == []

    other = road.release(b"two", run=replace(good_run(), metrics=metrics))
    road.approve(other, "validator", "risk-manager")
    honest = assess(road.view(), other, "prod", "platform-engineer").decision
    invented = tuple(
        Finding(each.check, "waived", "so they say") if each.status == "fail" else each
        for each in honest.findings
    )
    brought_by_hand(road, other, replace(honest, findings=invented))
    assert failed(admission(road, other)) == ["decision"]


def test_approvals_older_than_a_waiver_do_not_carry_it(road: Road) -> None:
    metrics = (Metric("roc_auc", 0.84, 0.83, 0.85, 6000), *METRICS[1:])
    digest = road.release(run=replace(good_run(), metrics=metrics))
    road.promote(digest, "dev")
    sign_waiver(
        road.desk("validator"), digest, "thresholds", "test", reason="seen and accepted",
        until=road.now + timedelta(days=30),
    )  # fmt: skip
    road.promote(digest, "test")
    road.approve(digest, "validator", "risk-manager")
    envelopes = tuple(sorted(forged(road, digest).approvals))
    road.pass_time(minutes=1)
    sign_waiver(
        road.desk("validator"), digest, "thresholds", "prod", reason="seen and accepted",
        until=road.now + timedelta(days=30),
    )  # fmt: skip
    honest = assess(road.view(), digest, "prod", "platform-engineer").decision

    brought_by_hand(
        road,
        digest,
        replace(
            honest,
            approvals=envelopes,
            findings=tuple(each for each in honest.findings if each.check != "approvals"),
        ),
    )

    assert failed(admission(road, digest)) == ["decision"]


def test_going_back_needs_no_new_decision(road: Road) -> None:
    one, two = road.release(b"one"), road.release(b"two")
    road.bring_to_prod(one)
    road.bring_to_prod(two)
    road.pass_time(days=60)

    roll_back(road.desk("validator"), MODEL, "prod", reason="answers differ")

    assert failed(admission(road, one)) == []


def test_a_release_is_judged_against_the_champion_of_its_entry(road: Road) -> None:
    better = Metric("roc_auc", 0.97, 0.965, 0.975, 6000)
    one = road.release(b"one", run=replace(good_run(), metrics=(better, *METRICS[1:])))
    two = road.release(b"two")
    for digest in (one, two):
        for stage in ("dev", "test"):
            road.promote(digest, stage)
        road.approve(digest, "validator", "risk-manager")
        if digest == one:
            road.promote(one, "prod")

    brought_by_hand(road, two)

    assert failed(admission(road, two)) == ["champion"]
    assert failed(road.admission(prod(one), one)) == []


def test_what_cannot_be_compared_here_counts_if_the_approvers_signed_it(road: Road) -> None:
    own = (Expression("enough-rows", ("prod",), "release.rows >= 5000"),)
    far = (NamedGate("far", ("prod",), "tests.promote.gates.nowhere:GATE"),)
    road.change_platform(replace(road.trusted().platform, expressions=own, named_gates=far))
    digest = road.release()
    for stage in ("dev", "test"):
        road.promote(digest, stage)
    road.approve(digest, "validator", "risk-manager")

    brought_by_hand(road, digest)

    findings = {each.check: each for each in admission(road, digest)}
    assert failed(admission(road, digest)) == ["far"]
    assert "cannot be judged here" in findings["far"].message


def test_a_champion_that_is_gone_is_not_no_champion(road: Road) -> None:
    one, two = road.release(b"one"), road.release(b"two")
    road.bring_to_prod(one)
    road.bring_to_prod(two)
    lose(road, one)

    assert failed(admission(road, two)) == [], "both approvers signed that these gates were open"


def test_approvals_that_name_no_findings_do_not_stand_in_for_a_champion_that_is_gone(
    road: Road,
) -> None:
    one, two = road.release(b"one"), road.release(b"two")
    road.bring_to_prod(one)
    for stage in ("dev", "test"):
        road.promote(two, stage)
    platform = road.trusted().platform
    policy, last = release_policy(platform), platform.stages[-1]
    verified = verify(road.store, two, policy, people=platform.people, now=road.now)
    for name in ("validator", "risk-manager"):
        blind = approval(two, last, name, verified, now=road.now, model=MODEL)
        image, key = road.store.resolve(two.text), road.people[name].key
        attach_ssh(road.store, image, blind, key, now=road.now)

    brought_by_hand(road, two)
    assert failed(admission(road, two)) == []
    lose(road, one)

    assert set(failed(admission(road, two))) == {"schema", "champion"}


def lose(road: Road, digest: Digest) -> None:
    """Take a release out of the registry."""
    (road.home.registry / "blobs" / "sha256" / digest.hex).unlink()


def test_a_statement_of_a_machine_wrapped_anew_takes_no_approval_away(road: Road) -> None:
    digest = road.release()
    road.bring_to_prod(digest)
    image = road.store.resolve(digest.text)
    again = Statement((digest,), "https://example.org/scan/v1", {"found": 1})
    attach(road.store, image, again, road.signer, now=road.now)

    assert failed(admission(road, digest)) == []


def test_what_does_not_verify_is_refused_for_that_alone(road: Road) -> None:
    digest = road.release()
    road.bring_to_prod(digest)
    before = road.trusted().platform
    strict = replace(before.demands, required=("https://example.org/missing/v1",))
    by_two(road, replace(before, demands=strict))
    road.pass_time(minutes=1)
    assert failed(road.admission(prod(digest), digest)) == []
    other = road.release(b"other")
    brought_by_hand(road, other)

    assert "required" in failed(road.admission(prod(other), other))
    today = road.trusted().platform
    verified = verify(road.store, other, release_policy(today), people=(), now=road.now)
    rules, release = entry_rules(today, "prod", ()), VerifiedEntry(verified, verified)
    findings = judged(release, rules, prod(other), road.now, facts=())
    assert set(failed(findings)) == {"required"}


def end_build_key(road: Road, end: datetime, *, revoked: bool = False) -> None:
    platform = road.trusted().platform
    (key,) = platform.build_keys
    new = key_from_pem("next", public_pem(new_signer()))
    ended = replace(key, revoked_at=end) if revoked else replace(key, valid_until=end)
    by_two(road, replace(platform, build_keys=(ended, new)))


def by_two(road: Road, changed: Platform) -> None:
    """A change of trust that two people signed."""
    trusted = road.trusted()
    wanted = {**platform_files(changed)}
    files = {p: c for p, c in wanted.items() if road.repository.read(trusted.commit, p) != c}
    validator, engineer = road.people["validator"], road.people["platform-engineer"]
    base = base_of(road.repository, trusted.commit)
    message = "platform: change\n\n" + sign_change(base, files, "validator", validator.key)
    road.repository.commit(
        trusted.commit, files, message, engineer.name, key=engineer.key, now=road.now
    )


@pytest.mark.parametrize("revoked", [False, True], ids=["ended", "revoked"])
def test_what_entered_before_its_key_ended_stays_and_nothing_dated_back_enters(
    road: Road, revoked: bool
) -> None:
    before = road.release()
    road.bring_to_prod(before)
    road.pass_time(days=2)
    end_build_key(road, road.now - timedelta(days=1), revoked=revoked)
    assert failed(admission(road, before)) == []

    # Whoever still has the key of the build dates a release back to before its end.
    now, road.now = road.now, road.now - timedelta(days=2)
    late = road.release(b"late")
    road.now = now

    gates = assess(road.view(), late, "dev", "platform-engineer").decision.findings
    assert "signed by nobody" in {each.check: each.message for each in gates}["evidence"]
    road.approve(late, "validator", "risk-manager")
    brought_by_hand(road, late)
    assert "threshold" in failed(admission(road, late))


def test_new_evidence_by_an_ended_key_for_a_release_that_entered_before_does_not_count(
    road: Road,
) -> None:
    digest = road.release(run=weak_run())
    road.promote(digest, "dev")
    road.pass_time(days=2)
    end_build_key(road, road.now - timedelta(days=1))
    image = road.store.resolve(digest.text)
    better = statements(good_run(), (digest,), builder=BUILDER)[3]
    attach(road.store, image, better, road.signer, now=road.now - timedelta(days=1, hours=12))

    verified = road.view()
    gates = {each.check: each for each in assess(verified, digest, "test", "x").decision.findings}

    assert gates["thresholds"].status == "fail"
    assert "roc_auc" in gates["thresholds"].message
