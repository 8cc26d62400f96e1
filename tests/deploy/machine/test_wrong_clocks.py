"""Real processes whose clock is wrong: `goldenpath up` serves on, and verbs commit nothing."""

import os
import random
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from goldenpath.deploy.reconcile.status import Status
from goldenpath.promote.manifests.desired import Rollout
from tests.deploy.machine.test_side_by_side import Caller
from tests.deploy.machine.test_up import runs, sealed
from tests.deploy.platform import MAIN, OneMachine, goldenpath
from tests.programs import wrong_clock
from tests.sizes import at_size

SEED = 17
YEAR = 365 * 24 * 3600


def test_a_clock_that_jumps_under_up_costs_no_answer_and_no_commit(tmp_path: Path) -> None:
    clock, variables = wrong_clock(tmp_path / "clock")
    here, source = OneMachine(tmp_path / "m"), random.Random(SEED)  # noqa: S311 - a seed
    releases = [here.release(), here.release(0.5)]
    here.deploy((releases[0], 100))
    with here.up(**variables) as up:
        address = up.until(lambda status: runs(status, releases[0])).gateway
        caller = Caller(address, ("dev", "credit"))
        for number in range(at_size(2, 20)):
            jump = (-1 if number % 2 else 1) * source.randrange(600, YEAR)
            clock.write_text(str(jump))
            up.until(lambda status, jump=jump: _is_off_by(status, jump))  # type: ignore[misc]
            new = releases[(number + 1) % 2]
            here.deploy((new, 100))
            if jump < 0:
                # What is dated in its future is not followed before the clock is right again.
                up.until(lambda status: "dated in the future" in _reason(status))
                clock.write_text("0")
            up.until(lambda status, new=new: runs(status, new))  # type: ignore[misc]
        answered = caller.stop()

    assert {status for status, _ in answered} == {200}
    assert sealed(here).total() == answered.total()
    assert goldenpath(here.home, "log", "check")[0] == 0


def _is_off_by(status: Status, seconds: int) -> bool:
    """Whether it publishes by that clock, and so still looks at everything every second."""
    shown = datetime.fromisoformat(status.time) - datetime.now(UTC)
    return abs(shown.total_seconds() - seconds) < 60


def _reason(status: Status) -> str:
    return " ".join(each.message for each in status.conditions)


@pytest.mark.parametrize(
    ("seconds", "code", "cure"),
    [
        (-15 * 60, 4, "check the clock of this machine"),
        (YEAR, 5, "set the clock of this machine"),
    ],
    ids=["behind", "a-year-ahead"],
)
def test_a_verb_with_a_wrong_clock_commits_nothing_and_says_the_cure(
    tmp_path: Path, seconds: int, code: int, cure: str
) -> None:
    _, variables = wrong_clock(tmp_path / "clock", seconds)
    here = OneMachine(tmp_path / "m")
    here.deploy((here.release(), 100), rollout=Rollout())
    before = here.repository.remote_head()

    def hold(**variables: str) -> "subprocess.CompletedProcess[str]":
        key = str(here.folder / "engineer")
        command = [sys.executable, "-c", MAIN, "hold", "credit", "--stage", "dev", "--reason", "r"]
        environment = {**os.environ, "GOLDENPATH_HOME": str(here.home.root), **variables}
        return subprocess.run(
            [*command, "--as", here.engineer.name, "--key", key],
            env=environment, capture_output=True, text=True,
        )  # fmt: skip

    wrong = hold(**variables)

    assert wrong.returncode == code and cure in wrong.stderr, wrong.stderr
    assert here.repository.remote_head() == before
    assert hold().returncode == 0
    assert here.repository.remote_head() != before
