"""First-seen times: the rule as a table, and the file through kills, damage and loss."""

import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from goldenpath.errors import InvalidInput, Unavailable
from goldenpath.files import take_lock, write_whole
from goldenpath.promote.repository.commit import Commit
from goldenpath.promote.repository.first_seen import (
    FirstSeen,
    Sighting,
    Successor,
    witnessed,
)

DAY = timedelta(days=1)
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def days(count: float) -> datetime:
    return NOW + count * DAY


@pytest.mark.parametrize(
    ("sighting", "claimed", "moment"),
    [
        pytest.param(Sighting(days(3)), days(0), days(3), id="alone: when it was seen"),
        pytest.param(Sighting(days(3)), days(5), days(3), id="alone: no later date either"),
        pytest.param(Sighting(days(3), days(2)), days(0), days(3), id="alone: after a look"),
        pytest.param(Sighting(days(3), None, "q"), days(0), days(0), id="built on: its own date"),
        pytest.param(Sighting(days(3), days(2), "q"), days(0), days(2), id="not before the look"),
        pytest.param(Sighting(days(3), days(2), "q"), days(2.5), days(2.5), id="between both"),
        pytest.param(Sighting(days(3), days(2), "q"), days(9), days(3), id="not after it was seen"),
    ],
)
def test_the_time_of_a_commit(sighting: Sighting, claimed: datetime, moment: datetime) -> None:
    assert sighting.moment(claimed) == moment


@pytest.mark.parametrize(
    ("sighting", "successor", "narrowed"),
    [
        pytest.param(Sighting(days(3)), None, Sighting(days(3)), id="nobody else"),
        pytest.param(Sighting(days(9)), None, Sighting(days(4)), id="a clock that was ahead"),
        pytest.param(
            Sighting(days(3)), Successor("q", days(1)), Sighting(days(1), None, "q"), id="earlier"
        ),
        pytest.param(
            Sighting(days(3)), Successor("q", days(5)), Sighting(days(3), None, "q"), id="later"
        ),
        pytest.param(
            Sighting(days(3), days(2)),
            Successor("q", days(1)),
            Sighting(days(2), days(2), "q"),
            id="it was not there at the last look, whatever the other claims",
        ),
    ],
)
def test_a_commit_on_top_narrows_the_time(
    sighting: Sighting, successor: Successor | None, narrowed: Sighting
) -> None:
    assert sighting.narrowed(successor, days(4)) == narrowed


def test_only_a_commit_by_somebody_else_is_a_witness() -> None:
    chain = [
        ("a", (), Successor("p", days(0))),
        ("b", ("a",), Successor("p", days(1))),
        ("c", ("b",), Successor("q", days(2))),
        ("d", ("c",), Successor("r", days(1.5))),
        ("e", ("d",), Successor("r", days(3))),
    ]

    assert witnessed(chain) == {
        "a": Successor("r", days(1.5)),
        "b": Successor("r", days(1.5)),
        "c": Successor("r", days(1.5)),
    }


def test_each_line_of_a_merge_has_its_own_witnesses() -> None:
    chain = [
        ("a", (), Successor("p", days(0))),
        ("left", ("a",), Successor("q", days(1))),
        ("right", ("a",), Successor("p", days(2))),
        ("merge", ("left", "right"), Successor("p", days(3))),
    ]

    assert witnessed(chain) == {"a": Successor("q", days(1)), "left": Successor("p", days(3))}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "home" / "trust.seen"


def begun(file: Path, *, is_upgrade: bool = False) -> FirstSeen:
    times = FirstSeen(file)
    times.begin(NOW, is_upgrade=is_upgrade)
    return times


def test_what_was_kept_is_read_by_the_next_process(file: Path) -> None:
    sightings = {"a": Sighting(days(1)), "b": Sighting(days(2), days(1), "q")}
    begun(file).keep(sightings)

    assert FirstSeen(file).known() == sightings
    assert file.stat().st_mode & 0o777 == 0o600


def test_the_first_time_stays(file: Path) -> None:
    times, other = begun(file), FirstSeen(file)
    other.known()
    times.keep({"a": Sighting(days(1))})
    other.keep({"a": Sighting(days(2)), "b": Sighting(days(2))})
    times.keep({"a": Sighting(days(3))})

    assert FirstSeen(file).known() == {"a": Sighting(days(1)), "b": Sighting(days(2))}


def test_a_line_that_a_power_cut_left_unfinished_is_dropped(file: Path) -> None:
    begun(file).keep({"a": Sighting(days(1)), "b": Sighting(days(2))})
    file.write_bytes(file.read_bytes()[:-20])

    assert FirstSeen(file).known() == {"a": Sighting(days(1))}
    FirstSeen(file).keep({"c": Sighting(days(3))})
    assert FirstSeen(file).known() == {"a": Sighting(days(1)), "c": Sighting(days(3))}


@pytest.mark.parametrize(
    "damage",
    [b"{}\n", b"{\n", b'{"commit":"c","seen":"soon"}\n', b"[" * 5000 + b"\n", b"\xff\n"],
)
def test_a_damaged_line_is_told_and_never_passed_over(file: Path, damage: bytes) -> None:
    begun(file).keep({"a": Sighting(days(1))})
    file.write_bytes(file.read_bytes() + damage)

    with pytest.raises(InvalidInput, match=r"is damaged") as refused:
        FirstSeen(file).known()
    assert "count as seen now" in (refused.value.hint or "")


def test_a_file_of_a_later_version_is_not_guessed_at(file: Path) -> None:
    begun(file)
    file.write_bytes(file.read_bytes().replace(b'"version":1', b'"version":2'))

    with pytest.raises(InvalidInput, match="is damaged"):
        FirstSeen(file).known()


def test_what_came_while_nobody_looked_keeps_its_date_within_that_time() -> None:
    away = Sighting(days(9), days(2))

    assert [away.arrival(days(each)) for each in (1, 5, 12)] == [days(2), days(5), days(9)]
    assert away.moment(days(5)) == days(9)  # but nobody is let in by a date alone


@pytest.mark.parametrize(
    ("sighting", "words"),
    [
        (Sighting(NOW, NOW), "this machine, which saw it come"),
        (Sighting(NOW, NOW - timedelta(minutes=5), "q"), "this machine, which saw it come"),
        (Sighting(NOW, days(-1), "q"), "author's clock; q committed on top of it"),
        (Sighting(NOW, None, "q"), "author's clock; q committed on top of it"),
        (Sighting(NOW, days(-1)), "within a time in which this machine did not look"),
        (Sighting(NOW), "nobody else's time is known"),
    ],
)
def test_it_is_told_whose_time_counts(sighting: Sighting, words: str) -> None:
    assert words in sighting.whose()


def test_what_only_an_author_knows_is_told(file: Path) -> None:
    times = begun(file)
    assert times.note() == ""
    times.keep({"own": Sighting(NOW, NOW), "built on": Sighting(NOW, None, "q")})
    assert times.note() == ""
    times.keep({"a": Sighting(days(1)), "b": Sighting(days(2))})

    assert times.note().startswith("2 commits were on main before this machine first looked")


def test_a_lost_file_improves_nothing(file: Path) -> None:
    old = Commit("a", (), "p", days(-300), "old")
    assert begun(file).arrival(old) == NOW


def test_what_was_followed_before_the_file_keeps_its_date(file: Path) -> None:
    times = begun(file, is_upgrade=True)

    assert times.arrival(Commit("a", (), "p", days(-3), "old")) == days(-3)
    assert times.arrival(Commit("a", (), "p", days(3), "dated ahead")) == NOW


def test_a_file_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "home").write_bytes(b"")

    with pytest.raises(Unavailable, match=r"cannot be (read|written)"):
        begun(tmp_path / "home" / "trust.seen")


def test_nobody_fills_the_file_with_refused_commits(file: Path) -> None:
    begun(file)
    times = FirstSeen(file, most=10)

    times.keep({"bad": Sighting(NOW)}, refused="bad")
    times.keep({"good": Sighting(NOW)})

    assert FirstSeen(file).known().keys() == {"good"}


def test_lines_that_only_confirm_a_date_are_left_out_and_no_time_changes(file: Path) -> None:
    minute, second = timedelta(minutes=1), timedelta(seconds=1)
    watched = Sighting(days(1), days(1) - minute)
    dates = {
        "plain": days(1) - second, "dated back": days(-7), "in the second of the look": days(1),
        "dated ahead": days(1) + minute, "came while off": days(5), "built on": days(6),
    }  # fmt: skip
    sightings = dict.fromkeys(("plain", "dated back", "in the second of the look"), watched) | {
        "dated ahead": watched,
        "came while off": Sighting(days(9), days(2)),
        "built on": Sighting(days(9), None, "q"),
        "refused": watched,
    }
    times = begun(file)
    times.keep(sightings)
    commits = [Commit(each, (), "p", date, each) for each, date in dates.items()]
    before = [times.sighting(each).arrival(each.time) for each in commits]

    times.settle(dates)

    left = FirstSeen(file)
    assert left.known().keys() == {
        "dated back", "dated ahead", "came while off", "built on", "refused"
    }  # fmt: skip
    assert [left.sighting(each).arrival(each.time) for each in commits] == before
    assert [times.sighting(each).arrival(each.time) for each in commits] == before
    assert "this machine, which saw it come" in left.sighting(commits[0]).whose()


def test_after_lines_were_left_out_a_lost_time_still_improves_nothing(file: Path) -> None:
    times = begun(file)
    times.keep({"a": Sighting(days(1), days(1))})
    times.settle({"a": days(1)})

    assert times.known() == {}
    assert times.arrival(Commit("older", (), "p", days(-300), "older")) == NOW
    assert times.arrival(Commit("newer", (), "p", days(2), "newer")) == NOW


def test_the_file_of_a_busy_platform_stays_small(file: Path) -> None:
    times = FirstSeen(file, large=2000)
    times.begin(NOW, is_upgrade=False)
    for number in range(200):
        seen = NOW + timedelta(seconds=number)
        times.keep({f"{number:040}": Sighting(seen, seen)})
        if times.is_large:
            times.settle({f"{each:040}": NOW + timedelta(seconds=each) for each in range(number)})

    assert file.stat().st_size < 4500
    assert FirstSeen(file).known().keys() >= {f"{199:040}"}


def test_a_file_that_cannot_be_made_smaller_is_not_read_for_it_each_time(file: Path) -> None:
    times = FirstSeen(file, large=500)
    times.begin(NOW, is_upgrade=False)
    times.keep({f"{number:040}": Sighting(days(1)) for number in range(20)})
    assert times.is_large

    times.settle({})

    assert not times.is_large


@pytest.mark.parametrize("by", ["", "q"], ids=["alone", "built on by one commit"])
def test_what_a_listed_person_dates_back_costs_less_than_its_commits(file: Path, by: str) -> None:
    """Each of these commits keeps its time, since that is not its own date."""
    times = FirstSeen(file, large=2000)
    times.begin(NOW, is_upgrade=False)
    dates: dict[str, datetime] = {}
    for push in range(4):
        seen = days(push + 1)
        new = {f"{push:04}{number:036}": seen - 9 * DAY for number in range(500)}
        times.keep(dict.fromkeys(new, Sighting(seen, seen - timedelta(minutes=1), by)))
        dates |= new
    known = dict(times.known())

    assert times.is_large
    times.settle(dates)

    assert FirstSeen(file).known() == known and len(known) == 2000
    assert file.stat().st_size < 44 * 2000  # the id, and two quotes and a comma around it
    times.keep({"another": Sighting(days(9))})
    assert FirstSeen(file).known() == {**known, "another": Sighting(days(9))}


def test_who_waits_to_append_appends_to_the_file_that_took_its_place(file: Path) -> None:
    times, other = begun(file), FirstSeen(file)
    times.keep({"a": Sighting(days(1), days(1)), "b": Sighting(days(1))})
    with file.open("rb") as held:
        take_lock(held)
        waiting = threading.Thread(target=other.keep, args=({"c": Sighting(days(2))},))
        waiting.start()
        write_whole(file, file.read_bytes())
    waiting.join(20)

    assert FirstSeen(file).known().keys() == {"a", "b", "c"}


_WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from goldenpath.promote.repository.first_seen import FirstSeen, Sighting
times = FirstSeen(Path(sys.argv[1]))
times.begin(datetime.now(UTC), is_upgrade=False)
number = 0
while True:
    times.keep({f"commit-{number}": Sighting(datetime.now(UTC))})
    print(number, flush=True)
    number += 1
"""


def test_what_was_kept_survives_a_kill(file: Path) -> None:
    command = [sys.executable, "-c", _WRITER, str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        kept = [int(writer.stdout.readline()) for _ in range(20)]
        writer.send_signal(signal.SIGKILL)

    known = FirstSeen(file).known()
    assert {f"commit-{number}" for number in kept} <= known.keys()
