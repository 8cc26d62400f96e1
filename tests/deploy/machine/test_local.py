import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from goldenpath.deploy.machine.local_target import LocalTarget
from goldenpath.deploy.machine.routing import RouteChanged
from goldenpath.deploy.machine.server_process import ServerEvent
from goldenpath.deploy.reconcile.target import Apply, Target
from goldenpath.digest import Digest
from goldenpath.processes.launch import RouteSlot, ServingTerms
from goldenpath.promote.manifests.desired import Slot
from tests.deploy.contract import TargetContract, deployment, release
from tests.deploy.machine.local import Machine, machine

BROKEN = Slot("rbroken", Digest("sha256:dead" + "0" * 60), 10)


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Machine]:
    with machine(tmp_path) as found:
        yield found


class TestLocalTarget(TargetContract):
    @pytest.fixture
    def target(self, here: Machine) -> Iterator[Target]:
        yield here.target

    def settle(self, target: Target) -> None:
        assert isinstance(target, LocalTarget)
        Machine(target).settle()


def test_the_gateway_answers_with_release_and_slot(here: Machine) -> None:
    here.target.perform(Apply(deployment()))
    here.settle()

    status, headers, body = here.ask()

    assert status == 200
    assert headers["x-goldenpath-release"] == str(release(1).digest)
    assert headers["x-goldenpath-slot"] == body["slot"] == release(1).name
    slot = RouteSlot(release(1).name, str(release(1).digest), 100, ())
    assert RouteChanged("prod", "credit", (slot,)) in here.happened


def test_a_canary_that_crashes_at_start_leaves_the_stable_release_alone(here: Machine) -> None:
    here.target.perform(Apply(deployment()))
    here.settle()

    here.target.perform(Apply(deployment(release(1, 90), BROKEN)))
    here.settle()

    running = here.target.observe()["prod/credit"]
    assert running.phase == "failed"
    assert "the model is broken" in running.message
    assert {here.ask()[2]["slot"] for _ in range(20)} == {release(1).name}
    assert "server.failed" in here.kinds()


@pytest.mark.parametrize(
    ("terms", "message", "answered"),
    [
        (ServingTerms(), "the canary gets its requests", range(100, 101)),
        (ServingTerms(stable_outage="refuse"), "its share of requests gets 503", range(1, 3)),
    ],
    ids=["canary", "refuse"],
)
def test_while_the_stable_release_is_dead_the_stage_says_how_much_the_canary_gets(
    tmp_path: Path, terms: ServingTerms, message: str, answered: range
) -> None:
    with machine(tmp_path, terms=terms) as here:
        here.target.perform(Apply(deployment(replace(BROKEN, percent=99), release(1, 1))))
        here.settle()
        here.until(lambda: here.target.observe()["prod/credit"].phase == "failed")
        here.until(
            lambda: "no server of the stable" in here.target.observe()["prod/credit"].message
        )

        statuses = Counter(here.ask()[0] for _ in range(100))
        assert here.target.observe()["prod/credit"].message.endswith(message)

    assert statuses[200] in answered
    assert statuses[200] + statuses[503] == 100


def test_a_killed_server_is_started_again_and_no_request_fails(here: Machine) -> None:
    here.target.perform(Apply(deployment(release(1, replicas=2))))
    here.settle()
    traffic = Traffic(here)

    with traffic:
        for server in here.target.servers():
            os.kill(server, signal.SIGKILL)
            while server in here.target.servers():
                here.target.observe()
            here.until(lambda: here.target.observe()["prod/credit"].phase == "ready")

    assert here.kinds().count("server.failed") == 2
    assert set(traffic.statuses) == {200}


def test_no_request_fails_while_releases_and_weights_change(here: Machine) -> None:
    here.target.perform(Apply(deployment()))
    here.settle()
    steps = [
        deployment(release(1, 90), release(2, 10)),
        deployment(release(1, 50), release(2, 50)),
        deployment(release(2)),
        deployment(release(3)),
        deployment(release(1)),
    ]
    traffic = Traffic(here)

    with traffic:
        for step in steps:
            here.target.perform(Apply(step))
            here.settle()

    assert set(traffic.statuses) == {200}
    here.until(lambda: "server.stopped" in here.kinds())


def test_the_release_before_stays_warm_and_answers_without_a_start(here: Machine) -> None:
    here.target.perform(Apply(deployment(release(1))))
    here.settle()
    here.target.perform(Apply(deployment(release(2))))
    here.settle()
    starts = here.kinds().count("server.ready")

    here.target.perform(Apply(deployment(release(1))))
    here.settle()

    assert here.ask()[2]["slot"] == release(1).name
    assert here.kinds().count("server.ready") == starts


def test_a_gateway_that_dies_comes_back_at_its_address(here: Machine) -> None:
    here.target.perform(Apply(deployment()))
    here.settle()
    address = here.target.address

    os.kill(here.target.gateway_process(), signal.SIGKILL)
    here.until(lambda: here.target.gateway_fault != "")
    here.until(lambda: here.target.gateway_fault == "")
    here.settle()

    assert here.target.address == address
    assert here.ask()[0] == 200


def test_the_processes_are_gone_after_closing(tmp_path: Path) -> None:
    with machine(tmp_path) as here:
        here.target.perform(Apply(deployment(release(1), model="a")))
        here.target.perform(Apply(deployment(release(2), model="b")))
        here.settle()
        processes = [*here.target.servers(), here.target.gateway_process()]

    assert len(processes) == 3
    assert not [each for each in processes if Path(f"/proc/{each}").exists()]


def test_variables_and_memory_of_a_release_go_to_its_servers(here: Machine) -> None:
    slot = replace(release(1), env=(("THRESHOLD", "0.5"),), memory=200 * 1024**2)
    here.target.perform(Apply(deployment()))
    here.settle()
    with Traffic(here) as traffic:
        here.target.perform(Apply(deployment(slot)))
        here.settle()
        here.until(lambda: len(here.target.servers()) == 1)
    assert set(traffic.statuses) == {200}
    assert here.ask()[2]["variable"] == "0.5"

    here.ask(body=b"grow")
    here.until(lambda: "server.failed" in here.kinds())

    failed = [each for each in here.happened if getattr(each, "kind", "") == "server.failed"]
    assert isinstance(failed[0], ServerEvent)
    assert "its limit is 200 MiB" in failed[0].message


class Traffic:
    """A client that asks every few milliseconds in a thread of its own."""

    def __init__(self, here: Machine) -> None:
        self.statuses: Counter[int] = Counter()
        self._here = here
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Traffic":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        assert self.statuses.total() > 0

    def _run(self) -> None:
        while not self._stop.is_set():
            self.statuses[self._here.ask()[0]] += 1
            self._stop.wait(0.005)
