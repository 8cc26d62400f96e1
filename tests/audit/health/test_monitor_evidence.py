"""The gate `findings` on a whole road: promotion, approvals, a follower, and lost records."""

import dataclasses
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from goldenpath.audit.alarms.closing import close_finding
from goldenpath.audit.events.event import Event
from goldenpath.audit.events.event_log import EventLog
from goldenpath.audit.health.monitor_evidence import monitor_view
from goldenpath.deploy.machine.release_admission import ReleaseAdmission
from goldenpath.deploy.reconcile.verdicts import AdmissionQuestion, Underway
from goldenpath.digest import Digest
from goldenpath.observe.drift.findings import MONITOR, DriftFinding, load, resolved, save
from goldenpath.observe.drift.monitor_state import MonitorState, save_watch
from goldenpath.promote.acts.intents import PromotionIntent
from goldenpath.promote.gates.monitoring.monitor_view import MonitorReader
from goldenpath.promote.repository.worktree import Repository
from goldenpath.promote.workspace.scene_reader import deployment_of
from goldenpath.promote.workspace.stage_changes import approve, waive
from goldenpath.promote.workspace.stage_history import StageHistory
from goldenpath.promote.workspace.workspace import Outcome, Workspace
from goldenpath.release.attest.policy import Finding
from goldenpath.times import timestamp
from tests.promote.road import MODEL, Road


class Monitored(Road):
    """A road whose stage prod asks for open findings, on a machine that counts its releases."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        platform = self.trusted().platform
        *before, prod = platform.stages
        asking = dataclasses.replace(prod, gates=(*prod.gates, "findings"))
        self.change_platform(dataclasses.replace(platform, stages=(*before, asking)))

    def desk(self, name: str, repository: Repository | None = None) -> Workspace:
        desk = super().desk(name, repository)
        return dataclasses.replace(desk, monitored=partial(monitor_view, self.home))

    def count(self, stage: str, digest: Digest) -> None:
        watch = MonitorState(stage, MODEL, digest.text, updated_at=timestamp(self.now))
        save_watch(self.home.drift, watch)

    def open_finding(self, stage: str, digest: Digest, name: str = "drift-1") -> DriftFinding:
        finding = DriftFinding(
            id=name, stage=stage, model=MODEL, release=digest.text, feature="age", kind="shift",
            opened_at=timestamp(self.now), since=timestamp(self.now), evidence=9.0, threshold=8.0,
            size=0.3, looks=3, rows=900, sentence="drift in age (shift, PSI 0.30)",
        )  # fmt: skip
        details = {"finding": name, "kind": "shift", "sentence": finding.sentence}
        EventLog(self.home.events).append(
            Event(
                finding.opened_at, "drift.alarm", "system", stage, MODEL, digest.text, "", details
            )
        )
        save(self.home.findings, finding)
        return finding

    def repair(self, name: str = "drift-1") -> None:
        """The monitor resolves a finding: its file, and an event of the audit log."""
        finding = resolved(load(self.home.findings, name), MONITOR, "as before", self.now)
        save(self.home.findings, finding)
        EventLog(self.home.events).append(
            Event(
                timestamp(self.now), "drift.repaired", "system", finding.stage, MODEL,
                finding.release, "", {"finding": name},
            )
        )  # fmt: skip

    def gate(self, digest: Digest, outcome: Outcome[PromotionIntent] | None = None) -> Finding:
        done = outcome or self.promote(digest, "prod")
        assert done.decision is not None
        return next(each for each in done.decision.findings if each.check == "findings")

    def follow(self, digest: Digest, monitors: MonitorReader | None) -> tuple[Finding, ...]:
        """What a follower finds about the release in prod."""
        admission = ReleaseAdmission(
            lambda _: self.store, StageHistory(self.repository, self.desk("validator").seen),
            monitors,
        )  # fmt: skip
        trusted, at = self.trusted(), self.now
        deployment = deployment_of(self.repository, trusted, "prod", MODEL)
        assert deployment is not None
        while True:
            at += timedelta(seconds=1)
            try:
                question = AdmissionQuestion(at, at, 1, commit=trusted.commit)
                return admission(trusted.platform, deployment, digest, question).findings
            except Underway:
                continue


@pytest.fixture
def road(tmp_path: Path) -> Monitored:
    return Monitored(tmp_path)


def ready(road: Monitored, *, is_approved: bool = True) -> Digest:
    """A release in test that was asked there, approved for prod by two people."""
    digest = road.release()
    for stage in ("dev", "test"):
        assert road.promote(digest, stage).commit
    road.count("test", digest)
    if is_approved:
        road.approve(digest, "validator", "risk-manager")
    return digest


def failures(findings: tuple[Finding, ...]) -> list[str]:
    return [each.check for each in findings if each.status == "fail"]


def test_an_open_finding_stops_the_promotion_and_a_listed_person_who_closes_it_opens_the_gate(
    road: Monitored,
) -> None:
    digest = ready(road)
    road.open_finding("test", digest)

    refused = road.promote(digest, "prod")
    assert refused.closed == ("findings",)
    assert "drift-1 about this release in test" in road.gate(digest, refused).message
    road.pass_time(minutes=1)
    close_finding(
        road.home, "drift-1", "a campaign", acting=road.people["validator"],
        platform=road.trusted().platform, now=road.now, append=EventLog(road.home.events).append,
    )  # fmt: skip
    road.approve(digest, "validator", "risk-manager")
    done = road.promote(digest, "prod")

    assert done.commit
    assert "closed by validator: a campaign" in road.gate(digest, done).message
    assert failures(road.follow(digest, partial(monitor_view, road.home))) == []


def test_a_follower_judges_again_and_without_monitors_believes_what_approvers_signed(
    road: Monitored,
) -> None:
    digest = ready(road)
    assert road.promote(digest, "prod").commit
    view = partial(monitor_view, road.home)

    assert failures(road.follow(digest, view)) == []
    signed = road.follow(digest, None)
    assert failures(signed) == []
    # The record of a finding that was open at the entry, and that nobody may have seen.
    road.now -= timedelta(minutes=5)
    road.open_finding("test", digest)
    road.pass_time(minutes=5)
    assert failures(road.follow(digest, view)) == ["findings"]


def test_approvals_that_saw_the_gate_closed_open_nothing_elsewhere(road: Monitored) -> None:
    digest = ready(road, is_approved=False)
    road.open_finding("test", digest)
    for name in ("validator", "risk-manager"):
        approve(road.desk(name), digest, "prod")
    road.pass_time(minutes=1)
    road.repair()
    assert road.promote(digest, "prod").commit

    assert failures(road.follow(digest, None)) == ["findings"]


def test_a_second_person_waives_it_and_a_follower_accepts_that(road: Monitored) -> None:
    digest = ready(road)
    road.open_finding("test", digest)
    until = road.now + timedelta(days=9)
    waive(
        road.desk("risk-manager"), digest, "findings", "prod", reason="a known holiday", until=until
    )
    road.approve(digest, "validator", "risk-manager")

    done = road.promote(digest, "prod")

    assert done.commit
    assert road.gate(digest, done).status == "waived"
    assert failures(road.follow(digest, partial(monitor_view, road.home))) == []


def test_what_was_never_counted_is_refused(road: Monitored) -> None:
    digest = road.release()
    for stage in ("dev", "test"):
        road.promote(digest, stage)
    road.approve(digest, "validator", "risk-manager")

    assert "counted a request" in road.gate(digest).message


def test_a_finding_whose_file_was_taken_away_is_still_open(road: Monitored) -> None:
    digest = ready(road)
    road.open_finding("test", digest)
    (road.home.findings / "drift-1.json").unlink()

    assert "its file is gone" in road.gate(digest).message


def test_a_finding_that_only_says_that_it_is_closed_is_open(road: Monitored) -> None:
    digest = ready(road)
    finding = road.open_finding("test", digest)
    save(road.home.findings, resolved(finding, "validator", "looks fine", road.now))

    assert "drift-1 about this release" in road.gate(digest).message


def test_an_unreadable_finding_or_a_changed_log_is_no_pass(road: Monitored) -> None:
    digest = ready(road)
    road.open_finding("dev", digest, "drift-2")
    (road.home.findings / "drift-2.json").write_bytes(b"{")
    assert "nobody can tell" in road.gate(digest).message
    (road.home.findings / "drift-2.json").unlink()
    road.open_finding("dev", digest, "drift-3")
    (log,) = road.home.events.glob("*.jsonl")
    log.write_bytes(log.read_bytes().replace(b"drift-2", b"drift-9"))

    assert "the audit log is damaged" in road.gate(digest).message


@pytest.mark.parametrize(
    "bent",
    [
        {"state": "resolved", "resolved_by": MONITOR, "resolved_at": "2026-11-23T08:00:00Z"},
        {"release": "sha256:" + "0" * 64},
        {"stage": "dev", "release": "sha256:" + "0" * 64},
        {"model": "other"},
        {"kind": "advisory", "release": ""},
        {"opened_at": "2999-01-01T00:00:00.000000Z"},
    ],
    ids=["resolved", "another release", "another stage", "another model", "another kind", "later"],
)
def test_a_file_that_says_otherwise_than_the_audit_log_opens_no_gate(
    road: Monitored, bent: dict[str, str]
) -> None:
    digest = ready(road)
    finding = road.open_finding("test", digest)
    save(road.home.findings, dataclasses.replace(finding, **bent))  # type: ignore[arg-type]

    gate = road.gate(digest)
    assert gate.status == "fail" and "drift-1 about this release" in gate.message


def test_the_end_of_a_finding_is_that_of_the_audit_log(road: Monitored) -> None:
    digest = ready(road)
    road.open_finding("test", digest)
    road.pass_time(minutes=5)
    road.repair()
    earlier = dataclasses.replace(
        load(road.home.findings, "drift-1"), resolved_at="2026-11-23T08:00:00.000000Z"
    )
    save(road.home.findings, earlier)

    (known,) = monitor_view(road.home, road.trusted().platform, MODEL).findings
    assert known.ended_at == road.now
