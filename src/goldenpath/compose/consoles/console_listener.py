"""The console beside `goldenpath up`: a port from the beginning, a process only once it is used.

`up` holds the socket that listens and starts the console when the first browser connects. So a
machine that nobody looks at pays for one thread, and a console that ends does not harm `up`.
"""

import os
import select
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

import msgspec

from goldenpath.backoff import pause_after
from goldenpath.compose.consoles.console_address import ConsoleAddress, address_of
from goldenpath.deploy.machine.supervisor import supervisor
from goldenpath.errors import GoldenPathError, InvalidInput, Unavailable
from goldenpath.files import publish
from goldenpath.home import HOME_VARIABLE, Home
from goldenpath.parsers.typed import read_typed
from goldenpath.processes.child import Child

_STARTS = "from goldenpath.cli.main import main; main()"
_RETRY = 2.0
"""Seconds between two attempts to listen: one that is taken over from still holds the port."""
_DRAIN, _NAP = 5.0, 0.05
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0


@dataclass(frozen=True, slots=True)
class ConsoleRecord:
    """Where `up` serves the console now."""

    address: str
    process: int
    """That of the supervisor."""


def console_of_up(home: Home) -> str:
    """Return the address of the console that `up` serves for this home; empty if there is none."""
    try:
        record = read_typed(_record(home), ConsoleRecord, hint="")
    except (OSError, InvalidInput):
        return ""
    running = supervisor(home.run)
    return record.address if running is not None and running.process == record.process else ""


class ConsoleListener:
    """Listens for browsers while the block runs, and runs the console once there is one."""

    def __init__(self, home: Home, address: str, say: Callable[[str], None]) -> None:
        """Raises `InvalidInput` for an address beyond loopback."""
        self._address = ConsoleAddress.parse(address)
        if not self._address.is_loopback:
            raise InvalidInput(
                f"--console {address}: expected a loopback address such as 127.0.0.1:8700",
                hint="goldenpath console --listen serves others, with tokens and a certificate",
            )
        self._home, self._say = home, say
        self._stopped, self._stop = os.pipe()
        self._thread = threading.Thread(target=self._run, name="console", daemon=True)

    def __enter__(self) -> "ConsoleListener":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._stop)
        self._thread.join()
        os.close(self._stopped)

    def _run(self) -> None:
        listener = self._listen()
        if listener is None:
            return
        with listener:
            address = f"http://{address_of(listener)}/"
            self._say(f"console: {address}")
            self._publish(ConsoleRecord(address, os.getpid()))
            failures = 0
            while not self._has_ended(listener):
                started = time.monotonic()
                self._serve(listener)
                failures = failures + 1 if time.monotonic() - started < _LONGEST_PAUSE else 0
                pause = pause_after(failures, first=_FIRST_PAUSE, longest=_LONGEST_PAUSE)
                if self._has_ended(None, pause):
                    break
            _record(self._home).unlink(missing_ok=True)

    def _listen(self) -> socket.socket | None:
        """Return the socket; None if `up` ends before the port is free."""
        complaint = ""
        while True:
            try:
                return self._address.listener()
            except Unavailable as error:
                if error.message != complaint:
                    complaint = error.message
                    self._say(
                        f"console: {complaint}; goldenpath console --listen 127.0.0.1:0 opens one"
                    )
            if self._has_ended(None, _RETRY):
                return None

    def _has_ended(self, listener: socket.socket | None, seconds: float | None = None) -> bool:
        """Wait for a browser or for so many seconds; return whether `up` ends."""
        waited: list[int | socket.socket] = (
            [self._stopped] if listener is None else [self._stopped, listener]
        )
        readable, _, _ = select.select(waited, [], [], seconds)
        return self._stopped in readable

    def _serve(self, listener: socket.socket) -> None:
        """Run the console until it ends or `up` does. Its standard input ends with `up`."""
        number = listener.fileno()
        try:
            child = Child(
                "console",
                [sys.executable, "-c", _STARTS, "console", "--inherited", str(number)],
                {**os.environ, HOME_VARIABLE: str(self._home.root.absolute())},
                self._home.run / "logs" / "console.log",
                descriptors=[number],
            )
        except Unavailable as error:
            self._say(f"console: {error.message}")
            return
        while child.exit_code is None and not self._has_ended(None, 0.5):
            pass
        child.end()
        give_up = time.monotonic() + _DRAIN
        while child.exit_code is None and time.monotonic() < give_up:
            time.sleep(_NAP)
        child.kill()
        child.close()

    def _publish(self, record: ConsoleRecord) -> None:
        try:
            publish(_record(self._home), msgspec.json.encode(asdict(record)))
        except (OSError, GoldenPathError) as error:
            self._say(f"console: {error}")


def _record(home: Home) -> Path:
    return home.run / "console.json"
