"""The way of a second supervisor to the lock, step by step, with a real lock and a real process."""

import json
import subprocess
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from goldenpath.deploy.machine.supervisor import started_at, supervisor
from goldenpath.deploy.machine.tenure import (
    PROGRESS_SECONDS,
    Standing,
    Tenure,
    handover_socket,
    tenure,
)
from goldenpath.deploy.reconcile.status import write_status
from goldenpath.errors import InvalidInput, Unavailable
from goldenpath.files import take_lock
from tests.compose.test_up_client import SAID


@dataclass
class Servers:
    """What the second supervisor runs."""

    is_listening: bool = False
    names: set[str] = field(default_factory=set)
    complete: set[str] = field(default_factory=set)

    def answering(self) -> Collection[str]:
        return self.names

    def is_complete(self, name: str) -> bool:
        return name in self.complete


@dataclass
class Other:
    """A supervisor that runs: a process, its record, its lock and its handover socket."""

    run: Path
    process: "subprocess.Popen[bytes]"


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Other]:
    run = tmp_path / "run"
    (run / "sockets").mkdir(parents=True)
    with _process() as process, (run / "up.lock").open("a+") as lock:
        assert take_lock(lock)
        record = {"process": process.pid, "started": started_at(process.pid)}
        (run / "up.json").write_text(json.dumps(record))
        Path(handover_socket(run, process.pid)).touch()
        _say(run, process.pid, "dev/credit")
        yield Other(run, process)


@contextmanager
def _process() -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdin is not None
        process.stdin.close()


def _say(run: Path, process: int, *answering: str) -> None:
    status = replace(SAID, process=process, answering=answering, deployments=())
    write_status(status, run / "status.json")


def test_it_listens_once_everything_answers_here_that_answers_there(other: Other) -> None:
    servers = Servers()
    with tenure(other.run, takes_over=True) as place:
        assert not place.standing.may_listen and not place.standing.is_held
        place.advance(0.0, servers, {"dev/credit", "dev/new"})
        assert not place.standing.may_listen

        servers.names.add("dev/credit")
        assert place.advance(1.0, servers, {"dev/credit", "dev/new"})

        socket = handover_socket(other.run, other.process.pid)
        assert place.standing == Standing(may_listen=True, predecessor=socket, is_held=False)
        assert other.process.poll() is None


def test_the_other_one_is_asked_to_end_once_every_listener_is_open(other: Other) -> None:
    servers = Servers(names={"dev/credit"})
    with tenure(other.run, takes_over=True) as place:
        place.advance(0.0, servers, {"dev/credit"})
        place.advance(1.0, servers, {"dev/credit"})
        assert other.process.poll() is None

        servers.is_listening = True
        assert "to end" in place.advance(2.0, servers, {"dev/credit"})

        assert other.process.wait(10) != 0
        assert not place.standing.is_held  # the lock is not free yet


def test_what_git_does_not_declare_any_more_is_not_waited_for(other: Other) -> None:
    with tenure(other.run, takes_over=True) as place:
        place.advance(0.0, Servers(), {"dev/new"})
        assert place.standing.may_listen


@pytest.mark.parametrize("case", ["git", "status", "another status", "damaged status"])
def test_what_could_not_be_found_out_is_waited_for(other: Other, case: str) -> None:
    if case == "status":
        (other.run / "status.json").unlink()
    elif case == "another status":
        _say(other.run, other.process.pid + 1, "dev/credit")
    elif case == "damaged status":
        (other.run / "status.json").write_text("{")
    servers, declared = Servers(is_listening=True, names={"dev/credit"}), {"dev/credit"}

    with tenure(other.run, takes_over=True) as place:
        for now in (0.0, PROGRESS_SECONDS):
            place.advance(now, servers, None if case == "git" else declared)
            assert not place.standing.may_listen
        with pytest.raises(Unavailable, match=f"so process {other.process.pid} goes on"):
            place.advance(PROGRESS_SECONDS + 1, servers, None if case == "git" else declared)
    assert other.process.poll() is None


def test_progress_gives_more_time(other: Other) -> None:
    _say(other.run, other.process.pid, "dev/a", "dev/b")
    servers, declared = Servers(), {"dev/a", "dev/b"}
    with tenure(other.run, takes_over=True) as place:
        place.advance(0.0, servers, declared)
        servers.names.add("dev/a")
        place.advance(PROGRESS_SECONDS, servers, declared)
        place.advance(PROGRESS_SECONDS + 1, servers, declared)
        with pytest.raises(Unavailable, match="dev/b does not answer here"):
            place.advance(2 * PROGRESS_SECONDS + 1, servers, declared)


def test_one_that_ends_by_itself_is_followed_at_once_and_put_on_record(tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "sockets").mkdir(parents=True)
    with _process() as process:
        with (run / "up.lock").open("a+") as lock:
            assert take_lock(lock)
            record = {"process": process.pid, "started": started_at(process.pid)}
            (run / "up.json").write_text(json.dumps(record))
            Path(handover_socket(run, process.pid)).touch()
            opened = tenure(run, takes_over=True)
            place: Tenure = opened.__enter__()
        assert place.advance(0.0, Servers(), None) == "took over"
    found = supervisor(run)
    assert place.standing == Standing() and found is not None and found.process != process.pid
    opened.__exit__(None, None, None)
    assert supervisor(run) is None


def test_it_refuses_where_nothing_is_handed_over_or_two_take_over(other: Other) -> None:
    with pytest.raises(InvalidInput, match="already runs"), tenure(other.run, takes_over=False):
        pass
    with (
        tenure(other.run, takes_over=True),
        pytest.raises(InvalidInput, match="takes over"),
        tenure(other.run, takes_over=True),
    ):
        pass
    Path(handover_socket(other.run, other.process.pid)).unlink()
    with pytest.raises(InvalidInput, match="already runs"), tenure(other.run, takes_over=True):
        pass
    # Whoever did not get the lock leaves the record of who has it.
    assert supervisor(other.run) is not None
