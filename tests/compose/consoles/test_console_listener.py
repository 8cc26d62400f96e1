"""The console beside `goldenpath up`: a port at once, a process with the first browser."""

import http.client
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from goldenpath.compose.consoles.console_listener import ConsoleListener, console_of_up
from goldenpath.deploy.machine.supervisor import Supervisor, started_at
from goldenpath.errors import InvalidInput
from goldenpath.home import Home

PATIENCE = 60.0


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home whose supervisor is this process."""
    made = Home(tmp_path / ".goldenpath")
    made.run.mkdir(parents=True)
    started = started_at(os.getpid())
    assert started is not None
    (made.run / "up.json").write_bytes(msgspec.json.encode(Supervisor(os.getpid(), started)))
    return made


def wait_for(holds: Callable[[], object]) -> None:
    give_up = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < give_up
        time.sleep(0.05)


def page(address: str) -> tuple[int, str]:
    """The first page of a console."""
    connection = http.client.HTTPConnection(address.removeprefix("http://").strip("/"), timeout=60)
    try:
        connection.request("GET", "/")
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_the_first_browser_starts_the_console_and_it_ends_with_the_block(home: Home) -> None:
    lines: list[str] = []
    with ConsoleListener(home, "127.0.0.1:0", lines.append):
        wait_for(lambda: console_of_up(home))
        address = console_of_up(home)
        assert lines == [f"console: {address}"]
        assert not (home.run / "logs" / "console.log").exists(), "nobody has asked yet"
        status, text = page(address)
    assert (status, text.startswith("<!doctype html>")) == (200, True)
    assert console_of_up(home) == ""
    with pytest.raises(ConnectionRefusedError):
        page(address)


def test_a_console_that_ended_is_started_again_for_the_next_browser(home: Home) -> None:
    with ConsoleListener(home, "127.0.0.1:0", lambda _: None):
        wait_for(lambda: console_of_up(home))
        address = console_of_up(home)
        assert page(address)[0] == 200
        for each in _children():
            os.kill(each, 15)
        wait_for(lambda: not _children())
        assert page(address)[0] == 200


def _children() -> list[int]:
    """The consoles that this process started."""
    tasks = Path(f"/proc/{os.getpid()}/task").iterdir()
    pids = [int(pid) for task in tasks for pid in (task / "children").read_text().split()]
    return [pid for pid in pids if b"--inherited" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def test_a_taken_port_is_said_once_and_taken_over_when_it_is_free(home: Home) -> None:
    lines: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with ConsoleListener(home, f"127.0.0.1:{port}", lines.append):
            wait_for(lambda: lines)
            assert "cannot be listened on" in lines[0]
            other.close()
            wait_for(lambda: console_of_up(home))
    assert lines[1:] == [f"console: http://127.0.0.1:{port}/"]


@pytest.mark.parametrize("address", ["0.0.0.0:8700", "[::]:8700", "192.0.2.1:80", "localhost:1"])
def test_an_address_that_others_reach_or_a_name_is_refused(home: Home, address: str) -> None:
    with pytest.raises(InvalidInput, match="expected a"):
        ConsoleListener(home, address, lambda _: None)


def test_the_record_of_another_supervisor_is_no_address(home: Home) -> None:
    (home.run / "console.json").write_text('{"address": "http://127.0.0.1:1/", "process": 1}')

    assert console_of_up(home) == ""
