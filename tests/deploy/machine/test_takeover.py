"""A second `goldenpath up` takes the place of the first: real traffic, and nothing is lost."""

import json
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

import pytest
import urllib3

from goldenpath.audit.events.event_log import EventLog
from goldenpath.deploy.machine.supervisor import supervisor
from goldenpath.deploy.machine.tenure import handover_socket
from tests.deploy.machine.test_up import PATH, left_over, runs, sealed
from tests.deploy.platform import PATIENCE, OneMachine, Up, goldenpath
from tests.serve.grpc.test_shared_port import Callers as CallersOverGrpc
from tests.serve.running import ROW, question
from tests.sizes import at_size, full_size


class Callers:
    """Callers without a pause: some keep their connection, the others open one per request."""

    def __init__(self, address: str) -> None:
        self.statuses: Counter[int] = Counter()
        self.faults: list[str] = []
        self.answered: list[str] = []
        self._address = address
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(keeps,)) for keeps in (True, True, False)
        ]

    def __enter__(self) -> "Callers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, keeps: bool) -> None:
        pool, body = urllib3.PoolManager(retries=False), json.dumps(question(ROW)).encode()
        headers = {} if keeps else {"connection": "close"}
        while not self._stop.wait(0.004):
            try:
                url = f"http://{self._address}{PATH}"
                got = pool.request("POST", url, body=body, headers=headers)
            except urllib3.exceptions.HTTPError as error:
                self.faults.append(repr(error))
                continue
            self.statuses[got.status] += 1
            if got.status == 200:
                self.answered.append(got.headers["x-goldenpath-prediction-id"])
        pool.clear()


def eventually(holds: Callable[[], object]) -> None:
    give_up = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < give_up
        time.sleep(0.02)


class Running:
    """Every `goldenpath up` of a test, and the release that each of them serves."""

    def __init__(self, here: OneMachine, ups: ExitStack) -> None:
        self.here = here
        self.good = here.release()
        here.deploy((self.good, 100))
        self._ups = ups

    def start(self, grpc: str = "", **variables: str) -> Up:
        options = ("--grpc", grpc) if grpc else ()
        return self._ups.enter_context(self.here.up(*options, **variables))

    def address(self, up: Up) -> str:
        return up.until(lambda status: runs(status, self.good)).gateway


@pytest.fixture
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """At a short path: a socket that hands over has no room elsewhere."""
    with ExitStack() as ups:
        yield Running(OneMachine(tmp_path_factory.mktemp("m")), ups)


def test_no_request_is_lost_or_refused_and_every_answer_is_in_the_log_once(
    running: Running,
) -> None:
    here, up = running.here, running.start()
    address = running.address(up)
    children = up.children()
    with Callers(address) as callers:
        for _ in range(at_size(2, 4)):
            time.sleep(0.3)
            following = running.start()
            assert running.address(following) == address
            assert up.process.wait(PATIENCE) == 0
            up = following
        time.sleep(0.3)
    with up:
        record = supervisor(here.home.run)
        assert record is not None and record.process == up.process.pid

    assert (callers.faults, set(callers.statuses)) == ([], {200})
    assert not left_over(children)
    assert len(callers.answered) > 50
    assert sealed(here) == Counter(callers.answered)
    assert goldenpath(here.home, "log", "check")[0] == 0
    kinds = [each.kind for each in EventLog(here.home.events).read()]
    began, ended = "platform.started", "platform.stopped"
    assert [each for each in kinds if each in (began, ended)] == [began, ended] * at_size(3, 5)


@full_size("test_no_request_is_lost_or_refused_and_every_answer_is_in_the_log_once")
def test_whichever_of_the_two_is_killed_the_other_one_serves(running: Running) -> None:
    here, up = running.here, running.start()
    address = running.address(up)
    with Callers(address) as callers:
        for pause in (0.4, 0.8, 1.2)[: at_size(1, 3)]:
            following = running.start()
            eventually(partial(_serves_beside, following))
            time.sleep(pause)
            following.kill()
        time.sleep(0.5)
        hands_over = Path(handover_socket(here.home.run, up.process.pid)).exists()
    if hands_over:
        # The other one was killed before it had asked this one to end.
        assert (callers.faults, set(callers.statuses)) == ([], {200})
    else:
        assert up.process.wait(PATIENCE) == 0
        up = running.start()
        running.address(up)

    following = running.start()
    eventually(lambda: _serves_beside(following))
    up.kill()
    with Callers(running.address(following)) as after:
        time.sleep(0.2)
    following.__exit__()
    assert (after.faults, set(after.statuses)) == ([], {200})
    assert set(callers.answered) | set(after.answered) <= set(sealed(here))
    assert set(sealed(here).values()) == {1}
    assert goldenpath(here.home, "log", "check")[0] == 0


@full_size("test_no_call_is_lost_when_one_takes_over_from_another")
def test_no_call_over_grpc_is_lost_and_every_answer_is_in_the_log(running: Running) -> None:
    here, up = running.here, running.start(grpc="127.0.0.1:0")
    address, over_grpc = running.address(up), grpc_listener_of(up)
    with CallersOverGrpc(over_grpc, "dev") as callers:
        for _ in range(3):
            time.sleep(0.5)
            following = running.start(grpc=over_grpc)
            assert running.address(following) == address
            assert up.process.wait(PATIENCE) == 0
            up = following
    up.__exit__()

    assert set(callers.outcomes) == {"answered"}, callers.outcomes
    assert callers.outcomes["answered"] == sealed(here).total() > 50
    assert goldenpath(here.home, "log", "check")[0] == 0


def grpc_listener_of(up: Up) -> str:
    """The address that it printed."""
    eventually(lambda: "\ngrpc: " in (up.home.run / "said").read_text())
    lines = (up.home.run / "said").read_text().splitlines()
    return next(line for line in lines if line.startswith("grpc: ")).removeprefix("grpc: ")


def _serves_beside(up: Up) -> bool:
    """Whether it has begun to start servers."""
    assert up.process.poll() is None
    with suppress(FileNotFoundError, ProcessLookupError):
        commands = [(each / "cmdline").read_bytes() for each in up.children()]
        return any(b"goldenpath.serve" in command for command in commands)
    return False


@full_size("test_no_request_is_lost_or_refused_and_every_answer_is_in_the_log_once")
def test_one_that_does_not_come_up_leaves_no_trace(running: Running) -> None:
    here, up = running.here, running.start()
    address = running.address(up)
    kinds = [each.kind for each in EventLog(here.home.events).read()]
    with Callers(address) as callers:
        wrong = running.start(GOLDENPATH_ACCESS_FILE=str(here.folder / "absent"))
        assert wrong.process.wait(PATIENCE) == 2
        stopped = running.start()
        eventually(lambda: _serves_beside(stopped))
        stopped.process.send_signal(signal.SIGTERM)
        assert stopped.process.wait(PATIENCE) == 0
    assert up.process.poll() is None and running.address(up) == address

    assert (callers.faults, set(callers.statuses)) == ([], {200})
    # Alarms of the first one may come meanwhile; nothing of the others is there.
    after = [each.kind for each in EventLog(here.home.events).read()][len(kinds) :]
    assert not [each for each in after if each.startswith(("platform.", "server.", "route."))]
    record = supervisor(here.home.run)
    assert record is not None and record.process == up.process.pid


@full_size("test_no_request_is_lost_or_refused_and_every_answer_is_in_the_log_once")
def test_in_the_background_another_one_starts_only_where_it_is_asked_to(running: Running) -> None:
    home = running.here.home
    options = ("--detach", "--listen", "127.0.0.1:0")
    code, first = goldenpath(home, "up", *options)
    assert code == 0 and isinstance(first, dict)
    try:
        process = supervisor(home.run)
        assert goldenpath(home, "up", *options)[0] == 0
        assert supervisor(home.run) == process
        code, second = goldenpath(home, "up", *options, "--replace")
        assert code == 0 and isinstance(second, dict)
        assert second["process"] != first["process"] and second["gateway"] == first["gateway"]
    finally:
        assert goldenpath(home, "down")[0] == 0
