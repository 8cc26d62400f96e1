"""Processes that hold the servers of several releases: many small models need little memory.

Releases of one stage under the same trust share. No process holds two servers of one deployment, so
a canary never shares with the release that it is compared with, nor a replica with another one. The
end of a process is a failure of everything that it held. A release that was there in such a crash
shares with fewer others from then on, and one that was just starting with none.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from goldenpath.deploy.machine.server_process import ServerChild
from goldenpath.processes.child import DRAIN_SECONDS, Child, Message
from goldenpath.processes.launch import ServerConfiguration, ServingTerms, SharedCommand

MOST_REMEMBERED = 4096
"""Releases whose crashes are remembered."""


class _SharedProcess:
    """One process with the places in it, by replica."""

    def __init__(self, child: Child, number: int, group: Hashable, suspects: "_Suspects") -> None:
        self.child = child
        self.number = number
        """Names its log; the number of a process that has ended is used again."""
        self.group = group
        self.seats: dict[str, SeatedServer] = {}
        self.ends_at = 0.0
        """When it is killed if it has not ended; 0 while it holds anything."""
        self.held = 0
        """What it held when it ended by itself; 0 while it runs."""
        self._suspects = suspects

    @property
    def is_starting(self) -> bool:
        """Whether one of its releases is being loaded."""
        return any(seat.is_starting for seat in self.seats.values())

    def notice(self) -> None:
        """Remember what was there, should it have ended by itself."""
        self.hear()
        if self.child.exit_code is not None and self.seats and not self.held:
            self.held = len(self.seats)
            self._suspects.crashed(self.seats.values())

    def leave(self, seat: "SeatedServer") -> None:
        """Free the place of a release that has ended."""
        self.notice()
        self.seats.pop(seat.launch.replica, None)
        if seat.must_move:
            self._suspects.separate(seat.launch.digest)

    def hear(self) -> None:
        """Give each message to the place that it is about."""
        for message in self.child.messages():
            seat = self.seats.get(str(message.get("replica", "")))
            if seat is not None:
                seat.take(message)


class SeatedServer:
    """The place of one release in a shared process."""

    def __init__(self, process: _SharedProcess, launch: ServerConfiguration) -> None:
        self.launch = launch
        self._process = process
        self._messages: list[Message] = []
        self._code: int | None = None
        self.must_move = False
        self.is_starting = False
        """Whether its release is being loaded: only one of a process is."""
        self.is_ready = False

    @property
    def is_waiting(self) -> bool:
        """Whether another release of the process is being loaded before it."""
        return not (self.is_starting or self.is_ready) and self._process.is_starting

    @property
    def pid(self) -> int:
        """Id of the process that holds it, and others too."""
        return self._process.child.pid

    @property
    def output(self) -> int:
        """The descriptor on which the process sends the news of all."""
        return self._process.child.output

    @property
    def exit_code(self) -> int | None:
        """How it ended, alone or with its process; None while it runs."""
        return self._process.child.exit_code if self._code is None else self._code

    def memory(self) -> int:
        """Return 0: what one of several holds cannot be told."""
        return 0

    def send(self, message: object) -> None:
        """Send a launch or changed terms."""
        replica, child = self.launch.replica, self._process.child
        if isinstance(message, ServerConfiguration):
            child.send(SharedCommand(replica, start=replace(message, is_shared=True)))
        elif isinstance(message, ServingTerms):
            child.send(SharedCommand(replica, terms=message))

    def take(self, message: Message) -> None:
        """Take a message of the process that is about this release."""
        event = message.get("event")
        if event == "ended":
            code = message.get("code")
            self._code = code if isinstance(code, int) else 1
        self.must_move = self.must_move or event == "apart"
        self.is_starting = event == "starting" or (
            self.is_starting and event not in ("ready", "ended")
        )
        self.is_ready = self.is_ready or event == "ready"
        self._messages.append(message)

    def messages(self) -> Iterator[Message]:
        """Return what was sent about it since the last call."""
        self._process.hear()
        messages, self._messages = self._messages, []
        yield from messages

    def reload(self) -> None:
        """Let the process read its files again."""
        self._process.child.reload()

    def end(self) -> None:
        """Ask the process to let this release go, and no other."""
        if self.exit_code is None:
            self._process.child.send(SharedCommand(self.launch.replica, ends=True))

    def kill(self) -> None:
        """End the process and all that it holds: a release that hangs cannot be ended alone."""
        self._process.child.kill()

    def close(self) -> None:
        """Give the place back."""
        self._process.leave(self)

    def last_log_line(self) -> str:
        """Return the end of the log of the process, and what the process held."""
        self._process.notice()
        line, held = self._process.child.last_log_line(), self._process.held
        return f"{line} (its process held {held} releases)" if held > 1 else line


class _Suspects:
    """The releases that were there when a shared process ended by itself."""

    def __init__(self) -> None:
        self._crashes: dict[str, int] = {}
        self._separate: dict[str, None] = {}

    def crashed(self, seats: Iterable[SeatedServer]) -> None:
        """Remember a crash of a process with these places."""
        starting = [seat for seat in seats if seat.is_starting]
        for seat in starting:
            # The others were answering before: what is new is the first suspect.
            self.separate(seat.launch.digest)
        for seat in () if starting else seats:
            digest = seat.launch.digest
            self._crashes[digest] = self._crashes.get(digest, 0) + 1
            _forget_oldest(self._crashes)

    def separate(self, digest: str) -> None:
        """Let a release share with nobody from now on."""
        self._separate[digest] = None
        _forget_oldest(self._separate)

    def is_separate(self, digest: str) -> bool:
        """Return whether a release shares with nobody."""
        return digest in self._separate

    def most(self, digests: Iterable[str], most: int) -> int:
        """Return how many releases may share with these: a quarter after each of their crashes."""
        return most >> (2 * max(self._crashes.get(digest, 0) for digest in digests))


def _forget_oldest(remembered: dict[str, int] | dict[str, None]) -> None:
    while len(remembered) > MOST_REMEMBERED:
        del remembered[next(iter(remembered))]


class SharedProcesses:
    """Who sits where."""

    def __init__(
        self, command: tuple[str, ...], environment: Mapping[str, str], logs: Path, *, most: int
    ) -> None:
        """`most` releases share one process; with 1 none do."""
        self._command = command
        self._environment = environment
        self._logs = logs
        self._most = most
        self._processes: list[_SharedProcess] = []
        self._suspects = _Suspects()

    def start(self, launch: ServerConfiguration, own: Callable[[], Child]) -> ServerChild:
        """Return a place for a server that may share, or its own process. Raises `Unavailable`."""
        for process in self._processes:
            process.notice()
        if self._most < 2 or self._is_apart(launch):
            return own()
        with_room = (each for each in self._processes if self._has_room(each, launch))
        process = next(with_room, None) or self._new_process(_group(launch))
        seat = SeatedServer(process, launch)
        process.seats[launch.replica] = seat
        return seat

    def tick(self, now: float) -> None:
        """Look for crashes, and end processes that hold nothing any more."""
        for process in self._processes:
            process.notice()
        for process in [each for each in self._processes if not each.seats]:
            if process.child.exit_code is not None:
                process.child.close()
                self._processes.remove(process)
            elif not process.ends_at:
                process.ends_at = now + DRAIN_SECONDS
                process.child.end()
            elif now > process.ends_at:
                process.child.kill()

    def close(self, wait: Callable[[], float]) -> None:
        """Wait until no process is left; each of them holds nothing any more."""
        while self._processes:
            self.tick(wait())

    def _is_apart(self, launch: ServerConfiguration) -> bool:
        return launch.trust is None or self._suspects.is_separate(launch.digest)

    def _has_room(self, process: _SharedProcess, launch: ServerConfiguration) -> bool:
        # Most are full where there are many, so that is asked first.
        if len(process.seats) >= self._most:
            return False
        # A process that was told to end reads nothing any more.
        if process.child.exit_code is not None or process.ends_at:
            return False
        held = [seat.launch for seat in process.seats.values()]
        if process.group != _group(launch) or any(_name(each) == _name(launch) for each in held):
            return False
        digests = [each.digest for each in (launch, *held)]
        return len(held) < self._suspects.most(digests, self._most)

    def _new_process(self, group: Hashable) -> _SharedProcess:
        used = {process.number for process in self._processes}
        number = next(number for number in range(len(used) + 1) if number not in used)
        log = self._logs / f"shared-{number}.log"
        child = Child(f"shared server {number}", self._command, self._environment, log)
        process = _SharedProcess(child, number, group, self._suspects)
        self._processes.append(process)
        return process


def _name(launch: ServerConfiguration) -> tuple[str, str]:
    return launch.stage, launch.model


def _group(launch: ServerConfiguration) -> Hashable:
    """Return what releases that share have in common: the stage, and who may sign them."""
    # When statements were seen differs from release to release, and each is verified by itself.
    return launch.stage, None if launch.trust is None else replace(launch.trust, seen=None)
