"""Refused requests by reason: found, named, ended, and usual again after a person said so."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import pytest

from goldenpath.errors import InvalidInput
from goldenpath.observe.drift.findings import DriftFinding, close, findings, load
from goldenpath.observe.log.records import Block
from goldenpath.observe.refusal_reasons import ALL_REASONS, refusal_reason
from goldenpath.observe.shares.refused_requests import (
    RefusalMonitor,
    recent_refusals,
    saved_refusals,
)
from goldenpath.serve.protocol.inputs import Refusal, ValueFault
from tests.observe.spooling import DIGEST, FACTS, answer, draw, header
from tests.sizes import at_size

NOW = datetime(2026, 9, 30, 12, tzinfo=UTC)
DAY = 86_400 * 10**9
NOTE = Refusal(422, "", "row 0, column status: expected 0", 1, (ValueFault("status", "code", 1),))


class _Release:
    """A release that is asked day after day."""

    def __init__(self, root: Path) -> None:
        self.root, self.random, self.day = root, np.random.default_rng(1), 0
        self.monitor = self.restarted()

    def restarted(self) -> RefusalMonitor:
        return RefusalMonitor(self.root / "drift", self.root / "findings", lambda digest: FACTS)

    def days(
        self,
        number: int,
        requests: int,
        share: float,
        *,
        status: int = 422,
        note: str = NOTE.recorded,
        shadow: bool = False,
    ) -> list[DriftFinding]:
        """Let days pass of whose requests a share is refused; return the findings."""
        row, nothing, news = draw(1, 1), draw(0, 1), list[DriftFinding]()
        for _ in range(number):
            is_refused = self.random.random(requests) < share
            items = [
                answer(0, nothing, status=status, refusal=note) if each else answer(0, row)
                for each in is_refused
            ]
            started = [self.day * DAY + i * DAY // requests for i in range(requests)]
            block = [
                msgspec.structs.replace(item, started=time, shadow=shadow)
                for item, time in zip(items, started, strict=True)
            ]
            news += self.monitor.add(Block.of(header(), block), NOW)
            self.day += 1
        return news


def _closed(release: _Release, finding: DriftFinding) -> None:
    close(release.root / "findings", finding.id, "Anna", "a branch moves", now=NOW)


@pytest.fixture
def release(tmp_path: Path) -> _Release:
    return _Release(tmp_path)


@pytest.mark.parametrize(
    ("status", "note", "reason"),
    [
        (422, NOTE.recorded, "unknown code"),
        (422, "row 0, column status: expected 0", "outside the contract"),
        (422, "missing value: row 0", "missing value"),
        (422, "out of range and missing value: row 0", "several faults"),
        (422, "unknown code and more: row 0", "outside the contract"),
        (400, "unknown code: an odd body", "malformed request"),
        (503, "not recorded", "not recorded"),
        (418, "", "other"),
    ],
)
def test_the_reason_is_that_of_the_record(status: int, note: str, reason: str) -> None:
    assert refusal_reason(status, note) == reason
    assert reason in {*ALL_REASONS, "other"}


@pytest.mark.parametrize(("status", "note", "reason"), [
    (422, NOTE.recorded, "unknown code"), (400, "no JSON", "malformed request"),
])  # fmt: skip
def test_a_caller_with_another_schema_is_found_by_reason_within_400_requests(
    release: _Release, status: int, note: str, reason: str
) -> None:
    assert release.days(20, 200, 0.0) == []

    (finding,) = release.days(2, 200, 1 / 3, status=status, note=note)

    assert (finding.kind, finding.feature, finding.state) == ("refusals", reason, "open")
    assert finding.since.startswith("1970-01-21") and 0.25 < finding.size < 0.42
    assert f"requests ({finding.size:.1%}) were refused: {reason}" in finding.sentence
    assert f"of {finding.rows} requests" in finding.sentence


def test_a_few_refused_requests_are_usual(release: _Release) -> None:
    assert release.days(at_size(60, 365), 200, 0.01) == []
    assert release.days(30, 3, 0.01) == []


def test_a_shadow_has_no_callers(release: _Release) -> None:
    assert release.days(5, 300, 0.5, shadow=True) == []


def test_it_ends_when_requests_are_answered_again_and_a_second_one_opens(
    release: _Release,
) -> None:
    (finding,) = release.days(2, 200, 1 / 3)
    assert release.days(3, 200, 1 / 3) == [], "one change, one finding"

    (ended,) = release.days(5, 200, 0.0)
    assert (ended.id, ended.state, ended.resolved_by) == (finding.id, "resolved", "monitor")
    (second,) = release.days(3, 200, 1 / 3)
    assert second.id != finding.id and second.state == "open"
    assert second.since > finding.since


def test_a_share_that_a_person_closed_is_usual_and_a_larger_one_is_not(
    release: _Release,
) -> None:
    (finding,) = release.days(5, 200, 0.1)
    _closed(release, finding)

    assert release.days(30, 200, 0.1) == []
    assert [each.feature for each in release.days(4, 200, 0.9)] == ["unknown code"]


def test_a_restart_goes_on_with_the_counts_and_reports_read_them(release: _Release) -> None:
    release.days(1, 100, 1 / 3)
    release.monitor.save()
    release.monitor = release.restarted()

    assert len(release.days(2, 100, 1 / 3)) == 1
    release.monitor.save()
    known = list(saved_refusals(release.root / "drift", "prod", "credit"))
    recent = recent_refusals(iter(known), DIGEST, 2)
    assert recent.asked == 200 and 40 < recent.refused["unknown code"] < 95
    assert recent_refusals(iter(known), "another", 2).asked == 0
    (stored,) = findings(release.root / "findings")
    assert load(release.root / "findings", stored.id) == stored


def test_a_clock_that_jumps_back_opens_no_day_twice(release: _Release) -> None:
    release.days(10, 200, 0.0)
    release.day = 2

    assert release.days(3, 200, 0.0) == []
    assert len(release.days(2, 200, 1 / 3)) == 1


def test_a_damaged_file_is_named(release: _Release) -> None:
    release.days(1, 10, 0.0)
    release.monitor.save()
    (path,) = (release.root / "drift").rglob("*.refusals")
    path.write_bytes(b"{")
    release.monitor = release.restarted()

    with pytest.raises(InvalidInput, match="refusals"):
        release.days(1, 10, 0.0)
