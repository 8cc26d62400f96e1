"""Attacks on the gate `findings`, by whoever can write to the home of a machine.

The home of each attack is real: files of findings, the audit log, and the state of a monitor. The
attacker bends or removes some of them, so that a release enters although a finding is open. Without
a control its record is believed as it stands.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from goldenpath.attacks.holders.deployment_step import MODEL, ONE, STAGE, TWO, RightsAttack
from goldenpath.attacks.holders.given_judgements import NOW, VALIDATOR
from goldenpath.audit.alarms.closing import SignedClosure
from goldenpath.audit.events.event import Event
from goldenpath.audit.events.event_log import EventLog
from goldenpath.audit.events.finding_closure import NAMESPACE, FindingClosure
from goldenpath.audit.health.monitor_evidence import monitor_view
from goldenpath.files import write_whole
from goldenpath.home import Home
from goldenpath.observe.drift.findings import MONITOR, DriftFinding, findings, resolved, save
from goldenpath.observe.drift.monitor_state import MonitorState, save_watch
from goldenpath.promote.gates.monitoring.findings_gate import (
    MonitoredReleases,
    blocking_findings,
    monitoring_gap,
)
from goldenpath.promote.gates.monitoring.monitor_view import MonitorFinding, MonitorView
from goldenpath.promote.platform.alarm_rules import EVERY_FINDING
from goldenpath.promote.platform.platform import Platform, Stage
from goldenpath.release.attest.policy import Person
from goldenpath.release.attest.signatures.sshsig import SshKey
from goldenpath.times import timestamp

SIGNED_CLOSING, RECORDED, WHOLE_LOG, COUNTED = CONTROLS = (
    "signed closing of a finding", "findings in the audit log", "whole records of monitors",
    "releases that are counted",
)  # fmt: skip
_NAME = "drift-1"
_OPENED = NOW - timedelta(hours=2)
Bend = Callable[[Home, DriftFinding], None]


@dataclass(frozen=True, slots=True)
class BentHome:
    """What the attacker leaves in the home."""

    bend: Bend

    def refusal(self, without: frozenset[str]) -> str:
        """Return why a release does not enter; empty if it does."""
        seen, believed = _read(self)
        if SIGNED_CLOSING in without:
            ends = {each.id: each.ended_at for each in believed if each.closed_by != MONITOR}
            seen = replace(
                seen,
                findings=tuple(
                    replace(each, ended_at=ends.get(each.id, each.ended_at))
                    for each in seen.findings
                ),
            )
        if RECORDED in without:
            names = {each.id for each in believed}
            ours = {each.id: each for each in believed if each.closed_by == MONITOR}
            kept = (ours.get(each.id, each) for each in seen.findings)
            seen = replace(seen, findings=tuple(each for each in kept if each.id in names))
        if WHOLE_LOG in without:
            seen = replace(seen, unread=())
        asked = MonitoredReleases(STAGE, ONE.text, TWO.text, was_live=True)
        gap = "" if COUNTED in without and not seen.unread else monitoring_gap(seen, asked)
        if gap:
            return gap
        blocking = blocking_findings(seen, asked, EVERY_FINDING, NOW)
        return "; ".join(f"{each.id} is open: {each.sentence}" for each in blocking)


@cache
def _read(bent: BentHome) -> tuple[MonitorView, tuple[MonitorFinding, ...]]:
    """Return what the gate reads in that home, and the findings as their files say alone."""
    with TemporaryDirectory(prefix="gp-") as name:
        home = Home(Path(name))
        finding = _finding()
        save(home.findings, finding)
        for _ in range(2):  # so that one line can be taken out between others
            EventLog(home.events).append(Event(timestamp(_OPENED), "platform.started", "system"))
        details = {"finding": _NAME, "kind": finding.kind, "sentence": finding.sentence}
        EventLog(home.events).append(
            Event(
                finding.opened_at, "drift.alarm", "system", STAGE, MODEL, ONE.text, "", {**details}
            )
        )
        EventLog(home.events).append(Event(timestamp(NOW), "platform.stopped", "system"))
        for stage, release in ((STAGE, ONE), ("test", TWO)):
            save_watch(home.drift, MonitorState(stage, MODEL, release.text))
        bent.bend(home, finding)
        seen = monitor_view(home, _platform(), MODEL)
        return seen, tuple(_as_written(home))


def _as_written(home: Home) -> list[MonitorFinding]:
    return [
        MonitorFinding(
            each.id, each.kind, each.stage, each.release, each.sentence, _OPENED,
            None if each.state == "open" else NOW, each.resolved_by,
        )
        for each in findings(home.findings)
        if each.model == MODEL
    ]  # fmt: skip


def _finding() -> DriftFinding:
    return DriftFinding(
        id=_NAME, stage=STAGE, model=MODEL, release=ONE.text, feature="age", kind="shift",
        opened_at=timestamp(_OPENED), since=timestamp(_OPENED), evidence=9.0, threshold=8.0,
        size=0.3, looks=3, rows=900, sentence="the distribution of age has shifted, PSI 0.30",
    )  # fmt: skip


def _platform() -> Platform:
    return Platform(
        stages=(Stage(STAGE, ("findings",)),),
        registry_prefix="registry.example/models",
        registry_store="layout:registry",
        build_keys=(),
        commit_keys=(),
        people=(Person(VALIDATOR, (VALIDATOR,), _validator_key().public_line),),
    )


@cache
def _validator_key() -> SshKey:
    return SshKey.of(Ed25519PrivateKey.generate())


def _closed(home: Home, finding: DriftFinding, *, by: str = VALIDATOR) -> None:
    save(home.findings, resolved(finding, by, "looks fine", NOW))


def _signed(home: Home, finding: DriftFinding, *, key: SshKey, about: str = _NAME) -> None:
    """Put the closing of some finding beside this one, in the name of somebody who is listed."""
    closure = FindingClosure(
        about, STAGE, MODEL, ONE.text, finding.opened_at, timestamp(NOW), VALIDATOR, "looks fine"
    )
    signed = SignedClosure(closure, key.sign(closure.message, NAMESPACE))
    write_whole(home.findings / "closed" / f"{_NAME}.json", msgspec.json.encode(signed))
    _closed(home, finding)


def _bent(home: Home, finding: DriftFinding, **members: str) -> None:
    save(home.findings, replace(finding, **members))  # type: ignore[arg-type]


def _removed(home: Home, _finding: DriftFinding) -> None:
    (home.findings / f"{_NAME}.json").unlink()


def _removed_everywhere(home: Home, finding: DriftFinding) -> None:
    _removed(home, finding)
    for log in home.events.glob("*.jsonl"):
        kept = (line for line in log.read_bytes().splitlines(True) if _NAME.encode() not in line)
        log.write_bytes(b"".join(kept))


def _renamed_in_log(home: Home, finding: DriftFinding) -> None:
    _removed(home, finding)
    for log in home.events.glob("*.jsonl"):
        log.write_bytes(log.read_bytes().replace(MODEL.encode(), b"other-model"))


def _never_counted(home: Home, finding: DriftFinding, *, stages: tuple[str, ...]) -> None:
    """End the monitor's own record, after its finding has ended in order."""
    _repaired(home, finding)
    for path in sorted(home.drift.rglob("*")):
        if path.is_file() and any(stage in str(path.relative_to(home.drift)) for stage in stages):
            path.unlink()


def _repaired(home: Home, finding: DriftFinding) -> None:
    save(home.findings, resolved(finding, MONITOR, "as before", NOW))
    details = {"finding": _NAME}
    EventLog(home.events).append(
        Event(timestamp(NOW), "drift.repaired", "system", STAGE, MODEL, ONE.text, "", {**details})
    )


def finding_attacks() -> tuple[RightsAttack, ...]:
    """Return the attacks."""
    rows: tuple[tuple[str, str, Bend], ...] = (
        ("a file says that somebody closed the finding", SIGNED_CLOSING, _closed),
        ("a file says that somebody unknown closed it", SIGNED_CLOSING,
            partial(_closed, by="mallory")),
        ("a closing is signed with a key that nobody lists", SIGNED_CLOSING,
            partial(_signed, key=SshKey.of(Ed25519PrivateKey.generate()))),
        ("the closing of another finding is put beside it", SIGNED_CLOSING,
            partial(_signed, key=_validator_key(), about="drift-2")),
        ("the file of the finding is removed", RECORDED, _removed),
        ("the file says that the monitor resolved it", RECORDED, partial(_closed, by=MONITOR)),
        ("the file says that it is about another model", RECORDED, partial(_bent, model="other")),
        ("finding and event are removed", WHOLE_LOG, _removed_everywhere),
        ("the event is given to another model", WHOLE_LOG, _renamed_in_log),
        ("the state of the monitor of the live release is removed", COUNTED,
            partial(_never_counted, stages=(STAGE,))),
        ("the state of every monitor is removed", COUNTED,
            partial(_never_counted, stages=(STAGE, "test"))),
    )  # fmt: skip
    return tuple(
        RightsAttack(name, control, BentHome(bend).refusal) for name, control, bend in rows
    )
