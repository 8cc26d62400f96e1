"""The number of requests: silence, floods, restarts, and hours that nobody watched."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from goldenpath.drift.volume.request_rate import WEEK
from goldenpath.observe.drift.findings import DriftFinding, close, findings
from goldenpath.observe.drift.request_volume import RequestVolume
from goldenpath.observe.log.records import Block
from tests.observe.spooling import FACTS, answer, draw, header

BEGIN = datetime(2026, 1, 5, tzinfo=UTC)
ROW = draw(1, 1)


class _Clock:
    """A home whose observer works every hour; 20 requests come in each."""

    def __init__(self, root: Path) -> None:
        self.root, self.hour = root, 0
        self.volume = self.restarted()

    def restarted(self) -> RequestVolume:
        return RequestVolume(self.root / "drift", self.root / "findings", lambda digest: FACTS)

    def hours(self, number: int, requests: int, *, shadow: bool = False) -> list[DriftFinding]:
        """Let hours pass with so many requests each; return the findings."""
        news: list[DriftFinding] = []
        for _ in range(number):
            begin = BEGIN + timedelta(hours=self.hour)
            for minute in range(0, 60, 5):  # the observer works all the time
                news += self.volume.judge(begin + timedelta(minutes=minute))
            started = int(begin.timestamp()) * 10**9
            one = msgspec.structs.replace(answer(0, ROW), started=started, shadow=shadow)
            if requests:
                self.volume.add(Block.of(header(), [one] * requests))
            self.hour += 1
        return news


@pytest.fixture
def clock(tmp_path: Path) -> _Clock:
    """Three weeks in which nothing is unusual."""
    made = _Clock(tmp_path)
    made.hours(1, 0)
    assert made.hours(3 * WEEK, 20) == []
    return made


def test_silence_is_found_named_and_ends_when_requests_come_again(clock: _Clock) -> None:
    (finding,) = clock.hours(12, 0)

    assert (finding.feature, finding.kind, finding.state) == ("requests", "volume", "open")
    assert "no requests at all" in finding.sentence
    since = datetime.fromisoformat(finding.since)
    assert abs(since - (BEGIN + timedelta(hours=1 + 3 * WEEK))) <= timedelta(hours=1)
    assert clock.hours(30, 0) == [], "one silence, one finding"
    (ended,) = clock.hours(6, 20)
    assert (ended.id, ended.state, ended.resolved_by) == (finding.id, "resolved", "monitor")


def test_a_flood_is_found_and_answers_of_a_shadow_are_none(clock: _Clock) -> None:
    (silent,) = clock.hours(12, 200, shadow=True)
    assert "no requests at all" in silent.sentence
    clock.hours(12, 20)

    (finding,) = clock.hours(4, 200)

    assert finding.sentence.startswith("far more requests than usual: 200 in the last hour")


def test_a_restart_goes_on_with_the_counts(clock: _Clock) -> None:
    clock.hours(2, 0)
    clock.volume.save()
    clock.volume = clock.restarted()

    assert len(clock.hours(12, 0)) == 1


def test_hours_without_an_observer_are_no_silence(clock: _Clock) -> None:
    clock.hour += 3 * 24

    assert clock.hours(24, 20) == []


def test_after_a_person_closed_it_the_usual_number_is_learnt_again(clock: _Clock) -> None:
    (finding,) = clock.hours(12, 0)
    close(clock.root / "findings", finding.id, "ann", "the model is retired", now=BEGIN)

    assert clock.hours(3 * WEEK, 0) == []
    assert [each.state for each in findings(clock.root / "findings")] == ["resolved"]


def test_a_model_of_two_weeks_is_not_judged(tmp_path: Path) -> None:
    clock = _Clock(tmp_path)
    clock.hours(1, 0)
    assert clock.hours(WEEK, 20) == []

    assert clock.hours(WEEK - 1, 0) == []
