"""`goldenpath up` on a disk that fills: it serves on, says so, counts, and heals by itself."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import urllib3

from goldenpath.deploy.reconcile.status import Condition, Status, read_status
from goldenpath.home import Home
from goldenpath.observe.log.log_check import check_log
from tests.deploy.machine.test_up import PATH, runs
from tests.deploy.platform import MAIN, PATIENCE, OneMachine
from tests.serve.running import ROW, question
from tests.sizes import at_size
from tests.small_disk import SmallDisk, small_disk

SEED = 17


class UpOnDisk:
    """A `goldenpath up` whose home is on a small disk, and a client of it."""

    def __init__(self, disk: SmallDisk, process: "subprocess.Popen[bytes]") -> None:
        self.disk = disk
        self.process = process
        self.home = Home(disk.outside / "home")
        self._client = urllib3.PoolManager(retries=False)

    def until(self, holds: Callable[[Status], bool]) -> Status:
        """Waits for a status of this process."""
        give_up = time.monotonic() + PATIENCE
        while True:
            assert self.process.poll() is None, "goldenpath up has ended"
            status = read_status(self.home.run / "status.json")
            if status and status.process == self.process.pid and holds(status):
                return status
            assert time.monotonic() < give_up, status
            time.sleep(0.05)

    def answers(self, count: int) -> int:
        """How many of `count` requests were answered by the model."""
        address = self.until(lambda status: bool(status.gateway)).gateway
        body = json.dumps(question(ROW)).encode()
        return sum(
            self._client.request("POST", f"http://{address}{PATH}", body=body).status == 200
            for _ in range(count)
        )

    def down(self) -> None:
        """Ends it in order."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE)


@contextmanager
def up_on(disk: SmallDisk) -> Iterator[UpOnDisk]:
    """Starts `goldenpath up` there."""
    inside = disk.inside / "home"
    environment = {**os.environ, "GOLDENPATH_HOME": str(inside)}
    command = disk.command(sys.executable, "-c", MAIN, "up", "--listen", "127.0.0.1:0")
    with (disk.outside / "said").open("ab") as said:
        process = subprocess.Popen(command, env=environment, stdout=said, stderr=said)
    try:
        yield UpOnDisk(disk, process)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(PATIENCE)


def ready(status: Status) -> Condition:
    """Its condition `Ready`."""
    return next(each for each in status.conditions if each.type == "Ready")


def test_up_serves_on_a_full_disk_says_so_counts_and_heals(tmp_path: Path) -> None:
    made = OneMachine(tmp_path / "made")
    good = made.release()
    made.deploy((good, 100))
    source = random.Random(SEED)  # noqa: S311 - a seed, no secret
    with small_disk(tmp_path / "disk", 40) as disk:
        copy = disk.command("cp", "-a", str(made.home.root), str(disk.inside / "home"))
        subprocess.run(copy, check=True)
        answered = 0
        with up_on(disk) as up:
            up.until(lambda status: runs(status, good))
            answered += up.answers(5)
            for _ in range(at_size(1, 100)):
                disk.fill(source.choice([0, 0, 4096, 20_000]))
                answered += up.answers(source.randrange(3, 40))
                told = up.until(lambda status: ready(status).reason == "HomeNotWritable")
                assert "is full" in ready(told).message
                answered += up.answers(5)
                disk.empty()
                up.until(lambda status: runs(status, good))
                answered += up.answers(source.randrange(3))
            disk.fill()
            asked = up.answers(30)
            assert asked == 30
            answered += asked
            up.down()
        disk.empty()
        with up_on(disk) as up:
            up.until(lambda status: runs(status, good))
            answered += up.answers(1)
            up.down()
        report = check_log(up.home)

    assert report.holds, report.page()
    assert sum(each.requests + each.lost for each in report.replicas) == answered
    assert not report.waiting and not report.lost_in_spool
    assert all(each.has_ended for each in report.replicas), report.page()
