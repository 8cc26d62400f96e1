"""How soon a commit is served, and a rollback, while 500 requests a second go through."""

import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from tests.deploy.platform import MAIN, OneMachine, Up
from tests.serve.running import ROW, question

from bench.measurement import Measurement
from goldenpath.digest import Digest
from goldenpath.promote.manifests.deployment_files import release_path
from goldenpath.promote.manifests.desired import Placement, Rollout
from goldenpath.promote.manifests.placement import render_placement

ROUNDS = 5
RATE = 500
PATH = "/dev/credit/v2/models/credit/infer"


def run() -> Iterator[Measurement]:
    """Real git, real signed releases of a small model, real processes."""
    with tempfile.TemporaryDirectory() as folder:
        here = OneMachine(Path(folder))
        one, two = here.release(), here.release(0.5)
        here.deploy((one, 100))
        with here.up() as up, load(up) as seen:
            seen.until(one)
            first = _seconds(lambda: here.deploy((two, 100)), seen, two)
            yield Measurement(6, "commit to serving, release not started yet", first, "s")
            back, again = [], []
            ended = resource.getrusage(resource.RUSAGE_CHILDREN)
            before = ended.ru_utime + ended.ru_stime
            for _ in range(ROUNDS):
                _place(here, two, one)
                back.append(_seconds(lambda: _roll_back(here), seen, one))
                again.append(_seconds(lambda: here.deploy((two, 100)), seen, two))
            warm = median(again)
            yield Measurement(6, "commit to serving, warm", warm, "s", 1.5, warm < 1.5)
            slowest = max(back)
            note = f"slowest of {ROUNDS}, from the command to the last answer of the other release"
            yield Measurement(6, "rollback under load", slowest, "s", 2.0, slowest < 2.0, note)
            spent = resource.getrusage(resource.RUSAGE_CHILDREN)
            used = (spent.ru_utime + spent.ru_stime - before) / ROUNDS
            yield Measurement(6, "rollback command, CPU", used, "s")
        note = f"{seen.answered} requests at {seen.rate:.0f}/s, {2 * ROUNDS + 1} changes"
        yield Measurement(
            6, "failed requests meanwhile", seen.failed, "1", 0, not seen.failed, note
        )


def _seconds(change: object, seen: "Seen", digest: Digest) -> float:
    began = time.monotonic()
    assert callable(change)
    change()
    return seen.until(digest) - began


def _place(here: OneMachine, digest: Digest, previous: Digest) -> None:
    placement = Placement(digest, previous, "", "", Rollout(), (), None)
    here.commit({release_path("dev", "credit"): render_placement(placement)})


def _roll_back(here: OneMachine) -> None:
    subprocess.run(
        [sys.executable, "-c", MAIN, "rollback", "credit", "--stage", "dev", "--reason", "harm",
         "--as", here.engineer.name, "--key", str(here.folder / "engineer")],
        env={**os.environ, "GOLDENPATH_HOME": str(here.home.root)},
        check=True, capture_output=True,
    )  # fmt: skip


class Seen:
    """What the load meets: which release answers now, and every failure."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.failed = 0
        self.answered = 0
        self.rate = 0.0
        self._process = process
        self._last: dict[str, float] = {}
        self._first: dict[str, float] = {}
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            said = json.loads(line)
            with self._changed:
                self.failed, self.answered, self.rate = said["failed"], said["sent"], said["rate"]
                self._last.update(said["last"])
                self._changed.notify_all()

    def until(self, digest: Digest) -> float:
        """When the last answer of another release came, once only this one answers."""
        with self._changed:
            while not self._settled(digest):
                if not self._changed.wait(60):
                    raise RuntimeError("the release never answered")
            others = [at for name, at in self._last.items() if name != digest.text]
            return max(others, default=time.monotonic())

    def _settled(self, digest: Digest) -> bool:
        mine = self._last.get(digest.text, 0.0)
        return all(mine > at + 0.3 for name, at in self._last.items() if name != digest.text) and (
            mine > time.monotonic() - 0.3
        )

    def end(self) -> None:
        """Stops the load and reads its last words."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(60)
        self._thread.join(5)


@contextmanager
def load(up: Up) -> Iterator[Seen]:
    """Send requests at a fixed rate for as long as the block runs."""
    status = up.until(lambda status: bool(status.gateway) and status.is_ready)
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.load", status.gateway, PATH, str(RATE)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdin is not None
    process.stdin.write(json.dumps(question(ROW)) + "\n")
    process.stdin.flush()
    seen = Seen(process)
    try:
        yield seen
    finally:
        seen.end()
