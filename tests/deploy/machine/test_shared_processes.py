"""Several small models in one process: each is verified, answers, fails and ends as if alone."""

import os
import signal
from collections import Counter
from pathlib import Path

from goldenpath.audit.events.event_log import EventLog
from goldenpath.deploy.reconcile.status import Status
from goldenpath.digest import Digest
from tests.deploy.machine.test_side_by_side import Caller, Place, running
from tests.deploy.platform import OneMachine, Up, goldenpath
from tests.sizes import full_size

MODELS = ("credit", "fraud")


def shared(up: Up) -> list[int]:
    """The processes that hold several servers."""
    commands = {int(each.name): (each / "cmdline").read_bytes() for each in up.children()}
    return [process for process, command in commands.items() if b"\0shared\0" in command]


@full_size("test_one_that_may_not_serve_or_not_share_leaves_the_others_alone")
def test_two_models_share_a_process_and_a_canary_has_another_one(tmp_path: Path) -> None:
    here = OneMachine(tmp_path)
    releases: dict[Place, tuple[Digest, ...]] = {
        ("dev", name): (here.release(name=name),) for name in MODELS
    }
    for (_, name), (digest,) in releases.items():
        here.deploy((digest, 100), model=name)
    canary = here.release(0.5)

    with here.up(GOLDENPATH_RELEASES_PER_PROCESS="10") as up:
        status = up.until(lambda status: running(status, releases))
        (process,) = shared(up)
        callers = [Caller(status.gateway, place) for place in releases]
        here.deploy((releases["dev", "credit"][0], 50), (canary, 50))
        both = {**releases, ("dev", "credit"): (*releases["dev", "credit"], canary)}
        up.until(lambda status: running(status, both))
        assert len(shared(up)) == 2 and process in shared(up)
        here.deploy((canary, 100))
        up.until(lambda status: running(status, {**releases, ("dev", "credit"): (canary,)}))
        answered = [caller.stop() for caller in callers]

        os.kill(process, signal.SIGKILL)
        up.until(lambda status: bool(_failed(here)) and _answers(status))
        assert process not in shared(up)

    assert {status for each in answered for status, _ in each} == {200}
    assert set(answered[1]) == {(200, releases["dev", "fraud"][0].text)}
    assert _failed(here)["fraud"] == 1
    assert goldenpath(here.home, "log", "check")[0] == 0


def _failed(here: OneMachine) -> Counter[str]:
    events = EventLog(here.home.events).read()
    return Counter(each.model for each in events if each.kind == "server.failed")


def _answers(status: Status) -> bool:
    return status.is_ready and len(status.answering) == len(MODELS)
