"""Nobody commits by a wrong clock, and the refusal names the cure of its own case."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldenpath.errors import Unavailable
from goldenpath.promote.workspace.clock_check import OtherClock, refuse_wrong_clock
from goldenpath.promote.workspace.remote_clock import remote_clock
from goldenpath.promote.workspace.stage_changes import hold
from tests.promote.road import MODEL, Road
from tests.sizes import examples

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
YEAR = timedelta(days=365)


@pytest.mark.parametrize("minutes", [-4, 0, 4])
def test_a_clock_that_is_right_to_minutes_may_commit(minutes: int) -> None:
    span = timedelta(minutes=minutes)

    refuse_wrong_clock(NOON, NOON + span, OtherClock("that of the server", NOON + span))
    refuse_wrong_clock(NOON, NOON - YEAR, None)


@pytest.mark.parametrize(
    ("now", "other", "message", "cure"),
    [
        (NOON - timedelta(minutes=15), None, "0:15:00 ahead of the clock", "set the clock"),
        (NOON - timedelta(minutes=15), NOON, "0:15:00 behind that of the server", "by NTP"),
        (NOON + YEAR, NOON, "365 days, 0:00:00 ahead of that of the server", "by NTP"),
        (NOON - YEAR, NOON - YEAR, "the newest commit is dated", "so that commit is wrong"),
    ],
)
def test_a_wrong_clock_is_refused_with_its_cure(
    now: datetime, other: datetime | None, message: str, cure: str
) -> None:
    clock = None if other is None else OtherClock("that of the server", other)

    with pytest.raises(Unavailable, match=message) as refused:
        refuse_wrong_clock(now, NOON, clock)

    assert cure in str(refused.value.hint)


@examples(20, 50)
@given(st.integers(-400 * 24 * 60, 400 * 24 * 60))
def test_every_clock_that_is_off_by_more_than_minutes_is_refused(minutes: int) -> None:
    now = NOON + timedelta(minutes=minutes)
    server = OtherClock("that of the server", NOON)
    if abs(minutes) <= 5:
        refuse_wrong_clock(now, NOON, server)
        return
    with pytest.raises(Unavailable):
        refuse_wrong_clock(now, NOON, server)


def test_a_verb_with_a_wrong_clock_pushes_nothing(tmp_path: Path) -> None:
    road = Road(tmp_path)
    road.promote(road.release(b"one"), "dev")
    before, desk = road.trusted().commit, road.desk("platform-engineer")
    behind = replace(desk, clock=lambda: road.now - timedelta(minutes=15))
    ahead = replace(desk, other_clock=lambda: OtherClock("that of the server", road.now - YEAR))

    for wrong in (behind, ahead):
        with pytest.raises(Unavailable, match="nobody would follow"):
            hold(wrong, MODEL, "dev", "why")

    assert road.trusted().commit == before


def test_the_clock_of_a_folder_is_that_of_its_disk_and_ssh_has_none(tmp_path: Path) -> None:
    clock = remote_clock(str(tmp_path), {})

    assert clock is not None
    assert abs(clock.time - datetime.now(UTC)) < timedelta(minutes=1)
    assert not list(tmp_path.iterdir())
    assert remote_clock("ssh://git@server/gitops.git", {}) is None
