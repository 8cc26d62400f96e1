"""Programs that stay: started in order, asked whether they are ready, ended in reverse order."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

START_SECONDS = 240.0
END_SECONDS = 20.0
_TAIL = 3000


class DaemonFailed(Exception):
    """A program ended or never became ready; the message ends with what it wrote last."""


@dataclass
class Daemon:
    """One running program with its log."""

    name: str
    command: Sequence[str]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    is_ready: Callable[[], bool] = lambda: True

    def start(self) -> None:
        """Start it in a session of its own, so that Ctrl-C reaches us alone."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                list(self.command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment},
                start_new_session=True,
            )

    def await_ready(self, is_ready: Callable[[], bool], seconds: float = START_SECONDS) -> None:
        """Wait until `is_ready`; raises `DaemonFailed` with the end of the log."""
        give_up = time.monotonic() + seconds
        while not is_ready():
            if self.process is None or self.process.poll() is not None:
                raise DaemonFailed(f"{self.name} ended: {self.last_words()}")
            if time.monotonic() > give_up:
                raise DaemonFailed(f"{self.name} is not ready: {self.last_words()}")
            time.sleep(0.25)

    def last_words(self) -> str:
        """The end of its log."""
        return self.log.read_bytes()[-_TAIL:].decode("utf-8", "replace").strip()

    def processor_seconds(self) -> float:
        """Return the processor time of it and of its ended children; 0 if it does not run."""
        if self.process is None or self.process.poll() is not None:
            return 0.0
        line = Path(f"/proc/{self.process.pid}/stat").read_text("utf-8")
        ticks = sum(map(int, line.rpartition(")")[2].split()[11:15]))
        return ticks / os.sysconf("SC_CLK_TCK")

    def end(self, signal_number: int = signal.SIGTERM) -> None:
        """Ask it to end, kill it when it does not."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal_number)
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@dataclass
class Daemons:
    """Everything that was started, in order."""

    logs: Path
    running: list[Daemon] = field(default_factory=list)

    def start(
        self,
        name: str,
        command: Sequence[str],
        is_ready: Callable[[], bool],
        environment: Mapping[str, str] | None = None,
    ) -> Daemon:
        """Start a program and wait until it is ready."""
        self.logs.mkdir(parents=True, exist_ok=True)
        log = self.logs / f"{name}.log"
        daemon = Daemon(name, command, log, environment or {}, is_ready=is_ready)
        self.running.append(daemon)
        daemon.start()
        daemon.await_ready(is_ready)
        return daemon

    def end_one(self, name: str) -> None:
        """End the program of that name, if it runs."""
        for daemon in self.named(name):
            daemon.end()
            self.running.remove(daemon)

    def kill(self, name: str) -> None:
        """Kill the program of that name, as a machine that fails does; it stays on the list."""
        for daemon in self.named(name):
            daemon.end(signal.SIGKILL)

    def restart(self, name: str) -> None:
        """Start the program of that name again, as it was, and wait until it is ready."""
        for daemon in self.named(name):
            daemon.start()
            daemon.await_ready(daemon.is_ready)

    def named(self, name: str) -> list[Daemon]:
        """Return the programs of that name."""
        return [daemon for daemon in self.running if daemon.name == name]

    def processor_seconds(self) -> dict[str, float]:
        """Return the processor time that each program took so far."""
        return {each.name: each.processor_seconds() for each in self.running}

    def end(self) -> None:
        """End all of them, the last one first."""
        while self.running:
            self.running.pop().end()
