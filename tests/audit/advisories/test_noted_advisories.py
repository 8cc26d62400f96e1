"""Advisories as a report knows them: by events of scans, closed by nothing but a VEX statement."""

from dataclasses import replace
from datetime import timedelta

import pytest

from goldenpath.audit.advisories.noted_advisories import noted_advisories
from goldenpath.audit.advisories.vex_statement import VexClaim, vex_statement
from goldenpath.audit.events.event import Event, Kind
from goldenpath.audit.report.evidence_bundle import NotedAdvisory
from goldenpath.canonical import JsonValue
from goldenpath.promote.platform.alarm_rules import ModelOwner
from goldenpath.release.attest.policy import SignedStatement, Verified
from goldenpath.times import timestamp
from tests.promote.gates.test_gates import DIGEST, LISTED, NOW, ROAD, signed

OWNED = replace(ROAD, people=LISTED, owners=(ModelOwner("risk models"),))
WEEK = timedelta(days=7)


def event(kind: Kind, hours: int, **details: JsonValue) -> Event:
    """An event about one finding, so many hours before now."""
    known: dict[str, JsonValue] = {
        "finding": "advisory-1", "sentence": "flawed falls under CVE-2026-7", "severity": "high",
        "advisories": ["CVE-2026-7"], **details,
    }  # fmt: skip
    time = timestamp(NOW - timedelta(hours=hours))
    return Event(time, kind, "system", "prod", "credit-default", DIGEST.text, details=known)


def vex(who: str = "validator", stage: str = "prod", hours: int = 1) -> SignedStatement:
    """A statement that the flaw does not endanger the release."""
    claim = VexClaim(
        DIGEST, stage, "credit-default", "CVE-2026-7", "not_affected", "component_not_present",
        "the part is not there", NOW + WEEK,
    )  # fmt: skip
    made = NOW - timedelta(hours=hours)
    return signed(replace(vex_statement(claim, who, made), signed_at=made), who)


def noted(
    *events: Event, statements: tuple[SignedStatement, ...] = (), later: timedelta = timedelta(0)
) -> list[NotedAdvisory]:
    verified = Verified(DIGEST, statements, ())
    return list(noted_advisories(events, verified, OWNED, NOW + later))


RAISED = event("advisory.raised", 48)


def test_what_was_raised_is_open_with_owner_and_limit_by_severity() -> None:
    (one,) = noted(RAISED)

    assert one.is_open and not one.is_overdue
    assert (one.owner, one.severity, one.since) == ("risk models", "high", RAISED.time)
    assert one.due == timestamp(NOW - timedelta(hours=48) + timedelta(days=30))
    assert noted(RAISED, later=timedelta(days=28))[0].is_overdue


@pytest.mark.parametrize("severity", ["unknown", "a word of tomorrow", ""])
def test_a_severity_that_nobody_knows_has_the_shortest_limit(severity: str) -> None:
    (one,) = noted(event("advisory.raised", 48, severity=severity))

    assert one.due == timestamp(NOW - timedelta(hours=48) + WEEK)


def test_a_time_that_nobody_can_read_is_overdue() -> None:
    (one,) = noted(replace(RAISED, time="yesterday"))

    assert one.is_open and one.is_overdue


def test_only_the_monitor_ends_one_and_what_returns_keeps_its_first_time() -> None:
    ended = event("advisory.ended", 24, by="monitor")

    assert noted(RAISED, ended) == []
    (again,) = noted(RAISED, ended, event("advisory.raised", 12))
    assert again.since == RAISED.time


def test_that_a_scan_saw_a_vex_statement_is_not_believed() -> None:
    ended = event("advisory.ended", 24, by="vex", reason="validator signed not_affected")

    assert noted(RAISED, ended)[0].is_open, "the statement is not there"
    assert not noted(RAISED, ended, statements=(vex(),))[0].is_open


def test_a_vex_statement_closes_it_until_its_day() -> None:
    (closed,) = noted(RAISED, statements=(vex(),))
    (after,) = noted(RAISED, statements=(vex(),), later=WEEK)

    assert not closed.is_open and "validator signed not_affected" in closed.closed_by
    assert after.is_open and "it ended on" in after.refused


@pytest.mark.parametrize("statement", [vex(who="stranger"), vex(stage="test")])
def test_a_statement_that_does_not_count_closes_nothing(statement: SignedStatement) -> None:
    assert noted(RAISED, statements=(statement,))[0].is_open


def test_parts_that_nobody_can_read_are_closed_by_no_statement() -> None:
    assert not noted(RAISED, statements=(vex(),))[0].is_open
    (one,) = noted(event("advisory.raised", 48, advisories=["unread"]), statements=(vex(),))

    assert one.is_open
