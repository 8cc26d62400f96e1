"""Programs that stay, with real processes."""

import sys
from pathlib import Path

import pytest

from cluster.daemons import Daemon, DaemonFailed, Daemons
from cluster.machine_state import processes_in

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


def test_a_program_that_ends_at_once_fails_with_its_last_words(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys; sys.exit('the port is taken')"]

    with pytest.raises(DaemonFailed, match="the port is taken"):
        Daemons(tmp_path).start("server", command, lambda: False)


def test_a_program_that_is_never_ready_fails(tmp_path: Path) -> None:
    daemon = Daemon("server", SLEEP, tmp_path / "server.log")
    daemon.start()

    with pytest.raises(DaemonFailed, match="server is not ready"):
        daemon.await_ready(lambda: False, seconds=0.1)

    daemon.end()


def test_programs_end_the_last_one_first_and_one_can_end_alone(tmp_path: Path) -> None:
    daemons = Daemons(tmp_path)

    def started(name: str) -> Daemon:
        def is_ready() -> bool:
            return any(line.endswith(f"/{name} ") for line in processes_in(tmp_path))

        return daemons.start(name, [*SLEEP, f"{tmp_path}/{name}"], is_ready)

    first, second, third = started("first"), started("second"), started("third")
    running = {line.rpartition("/")[2].strip() for line in processes_in(tmp_path)}

    daemons.end_one("second")
    left = [daemon.name for daemon in daemons.running]
    daemons.end()

    assert running == {"first", "second", "third"}
    assert left == ["first", "third"]
    assert all(each.process and each.process.poll() is not None for each in (first, second, third))
    assert list(processes_in(tmp_path)) == []


def test_the_processor_time_of_a_program_is_its_own(tmp_path: Path) -> None:
    busy = [
        sys.executable,
        "-c",
        "import time\nwhile time.process_time() < 0.6: pass\ntime.sleep(60)",
    ]
    daemons = Daemons(tmp_path)
    daemons.start("busy", busy, lambda: daemons.running[0].processor_seconds() >= 0.3)
    daemons.start("idle", SLEEP, lambda: True)

    seconds = daemons.processor_seconds()
    daemons.end()

    assert set(seconds) == {"busy", "idle"}
    assert seconds["busy"] >= 0.3 > seconds["idle"]
    assert daemons.processor_seconds() == {}
