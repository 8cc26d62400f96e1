"""A child process of the supervisor, which exchanges lines of JSON with it and never blocks.

A child ends when its standard input is closed. So it ends with its supervisor in every case.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec

from goldenpath.canonical import JsonValue, parse_object
from goldenpath.errors import InvalidInput, Unavailable
from goldenpath.files import NO_SPACE

FIRST_PAUSE = 0.5
"""Seconds until a child that ended is started again; each further failure doubles them."""
LONGEST_PAUSE = 60.0
DRAIN_SECONDS = 30.0
"""How long a child may take to finish what it began, before it is killed."""
MAX_LINE = 16 * 1024 * 1024
_CHUNK = 1 << 16
_TAIL = 4096

Message = dict[str, JsonValue]


class Child:
    """One running child. Only `kill` blocks."""

    must_move = False
    """Whether its work has to run in a process of its own instead, which this one is."""
    is_waiting = False
    """Whether it waits for the start of another release, which nothing of its own does."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        *,
        descriptors: Sequence[int] = (),
    ) -> None:
        """Start it; it inherits the `descriptors`. Raises `Unavailable`."""
        self.name = name
        self._log = log
        self._unread = bytearray()
        self._unwritten = b""
        try:
            with _opened(log) as errors:
                self._log_begins = errors.tell()
                self._process = subprocess.Popen(
                    list(command),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    env=dict(environment),
                    pass_fds=tuple(descriptors),
                    start_new_session=True,  # Ctrl-C goes to the supervisor, which drains
                )
        except OSError as error:
            raise Unavailable(f"{name} cannot be started: {error}") from error
        assert self._process.stdin is not None and self._process.stdout is not None  # noqa: S101
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        os.set_blocking(self._stdin.fileno(), False)
        os.set_blocking(self._stdout.fileno(), False)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def output(self) -> int:
        """The descriptor that becomes readable when the child has sent a message or ended."""
        return self._stdout.fileno()

    @property
    def exit_code(self) -> int | None:
        """The exit code; None while it runs."""
        return self._process.poll()

    def memory(self) -> int:
        """Return the bytes of memory that it and its children hold now."""
        return _resident(self._process.pid)

    def send(self, message: object) -> None:
        """Send one line; what a full pipe does not take is sent with the next `messages`."""
        self._unwritten += msgspec.json.encode(message) + b"\n"
        self._flush()

    def messages(self) -> Iterator[Message]:
        """Return the messages that the child has sent since the last call."""
        self._flush()
        for line in self._lines():
            with contextlib.suppress(InvalidInput):  # a library's stray print is no message
                yield parse_object(line, f"a line of {self.name}")

    def end(self) -> None:
        """Ask the child to drain and exit, by closing its standard input."""
        with contextlib.suppress(BrokenPipeError):
            self._stdin.close()

    def reload(self) -> None:
        """Ask the child to reload its files; only a child that is ready handles this."""
        self._process.send_signal(signal.SIGHUP)

    def kill(self) -> None:
        """Kill the child and every process it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def close(self) -> None:
        """Close the descriptors of a child that has ended."""
        self.end()
        self._stdout.close()

    def last_log_line(self) -> str:
        """Return the last line of its log, for the message about a crash."""
        try:
            with self._log.open("rb") as log:
                # Earlier runs wrote into the same file: what they said explains nothing here.
                log.seek(max(self._log_begins, log.seek(0, os.SEEK_END) - _TAIL))
                lines = log.read().decode("utf-8", "replace").strip().splitlines()
        except OSError as error:
            return f"its log cannot be read: {error.strerror}"
        return lines[-1].strip() if lines else "its log is empty"

    def _flush(self) -> None:
        if not self._unwritten or self._stdin.closed:
            return
        try:
            written = os.write(self._stdin.fileno(), self._unwritten)
        except (BlockingIOError, BrokenPipeError):
            return  # the pipe is full, or the child is ending and `exit_code` will say so
        self._unwritten = self._unwritten[written:]

    def _lines(self) -> Iterator[bytes]:
        searched = len(self._unread)
        while True:
            try:
                read = os.read(self._stdout.fileno(), _CHUNK)
            except BlockingIOError:
                break
            if not read:
                break
            self._unread += read
        end = self._unread.rfind(b"\n", searched) + 1
        lines = bytes(self._unread[:end]).split(b"\n")[:-1]
        del self._unread[:end]
        if len(self._unread) > MAX_LINE:  # no message of ours is so long: a library floods the pipe
            self._unread.clear()
        yield from lines


def _opened(log: Path) -> BinaryIO:
    """Open a log to append to; where the disk has no room for a new one, its lines are lost."""
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        return log.open("ab")
    except OSError as error:
        if error.errno not in NO_SPACE:
            raise
        return Path(os.devnull).open("ab")


def _resident(process: int) -> int:
    folder = Path(f"/proc/{process}")
    try:
        pages = int((folder / "statm").read_text().split()[1])
        children = (folder / "task" / str(process) / "children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return 0  # it has ended meanwhile
    return pages * os.sysconf("SC_PAGE_SIZE") + sum(_resident(int(each)) for each in children)
