"""What is asked of `goldenpath up` from outside, where it runs and where it does not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from goldenpath.compose.up_client import (
    SILENT,
    await_status,
    is_up,
    silence,
    status,
    stop,
    wake,
)
from goldenpath.deploy.machine.tenure import tenure
from goldenpath.deploy.reconcile.status import Status, write_status
from goldenpath.errors import NotFound
from goldenpath.home import Home
from tests.deploy.platform import OneMachine

NOW = datetime(2026, 11, 29, 8, tzinfo=UTC)
SAID = Status(NOW.isoformat(), 1, "c" * 40, "127.0.0.1:8080", (), ())


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def publish(home: Home, said: Status = SAID) -> None:
    """Leaves a status as a run does."""
    home.run.mkdir(parents=True, exist_ok=True)
    write_status(said, home.run / "status.json")


def test_where_nothing_ever_ran_there_is_no_status_and_nothing_to_stop_or_wake(home: Home) -> None:
    with pytest.raises(NotFound, match="never ran here"):
        status(home)

    wake(home)
    assert not stop(home)
    assert not is_up(home)


def test_what_a_run_left_is_shown_as_the_past(home: Home) -> None:
    publish(home)

    assert status(home) == (SAID, False)
    assert not is_up(home)


def test_a_run_that_holds_the_lock_is_alive(home: Home) -> None:
    publish(home)

    with tenure(home.run, takes_over=False):
        assert status(home)[1] and is_up(home)

    assert not status(home)[1] and not is_up(home)


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0, None), (30, None), (31, timedelta(seconds=31)), (-5, None)]
)
def test_a_machine_hangs_only_after_its_time_is_over(
    seconds: int, expected: timedelta | None
) -> None:
    assert timedelta(seconds=30) == SILENT
    assert silence(SAID, NOW + timedelta(seconds=seconds)) == expected


def test_who_waits_for_a_run_that_is_not_there_gets_what_the_last_one_left(
    platform: OneMachine, tmp_path: Path
) -> None:
    home = Home(tmp_path / "home")
    home.root.mkdir()
    (home.root / "gitops.git").symlink_to(platform.home.gitops)
    head = platform.repository.fetch()
    publish(home, replace(SAID, commit=head))

    found, is_alive = await_status(home, 0.2)

    assert (found.commit, is_alive) == (head, False)
