"""One model server of one replica: started, watched, restarted and drained."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from goldenpath.backoff import pause_after
from goldenpath.errors import Unavailable
from goldenpath.processes.child import DRAIN_SECONDS, FIRST_PAUSE, LONGEST_PAUSE, Message
from goldenpath.processes.launch import ServerConfiguration, ServingTerms

STEADY_SECONDS = 60.0
"""After this many seconds of being ready, the restart back-off begins from its first pause."""
START_SECONDS = 120.0
"""Generous, since a `python` model builds its environment first."""

Kind = Literal["server.ready", "server.failed", "server.stopped", "content.lost", "content.back"]


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """An event of a server that the audit log records."""

    kind: Kind
    launch: ServerConfiguration
    message: str = ""


class ServerChild(Protocol):
    """What a server runs in: a process of its own, or its place in a shared one."""

    @property
    def must_move(self) -> bool:
        """Whether it ended because it has to run in a process of its own."""

    @property
    def is_waiting(self) -> bool:
        """Whether it waits for the start of another release in its process."""

    @property
    def pid(self) -> int:
        """Id of the process."""

    @property
    def output(self) -> int:
        """The descriptor that becomes readable when there is news."""

    @property
    def exit_code(self) -> int | None:
        """The exit code; None while it runs."""

    def memory(self) -> int:
        """Return the bytes of memory that it alone holds; 0 if that cannot be told."""

    def send(self, message: object) -> None:
        """Send a launch or changed terms."""

    def messages(self) -> Iterator[Message]:
        """Return what it has sent since the last call."""

    def reload(self) -> None:
        """Let it read its files again."""

    def end(self) -> None:
        """Ask it to drain and end."""

    def kill(self) -> None:
        """End its process at once."""

    def close(self) -> None:
        """Give back what is held for one that has ended."""

    def last_log_line(self) -> str:
        """Return the last line of its log, for the message about a crash."""


class ServerProcess:
    """A state machine over child processes. `now` is in monotonic seconds."""

    def __init__(
        self,
        prepare: Callable[[], ServerConfiguration],
        start: Callable[[ServerConfiguration], ServerChild],
        memory: int = 0,
    ) -> None:
        self._prepare = prepare
        self._memory = memory
        """Memory limit in bytes; 0 for none."""
        self._start = start
        self._child: ServerChild | None = None
        self._launch = prepare()
        self._terms = ServingTerms(self._launch.on_loss)
        self._failures = 0
        self._again_at = 0.0
        self._deadline = 0.0
        self._ready_since = 0.0
        self.address = ""
        """Address where it answers; empty until it is ready."""
        self.message = ""
        """Why it is not ready, as far as it is known; of the run before until the next one ends."""
        self._report = ""
        """What this run reported about its failure."""
        self.draining = False

    @property
    def gone(self) -> bool:
        """Whether it was asked to end and has ended."""
        return self.draining and self._child is None

    @property
    def failures(self) -> int:
        """Failures since it last ran steadily."""
        return self._failures

    @property
    def child(self) -> ServerChild | None:
        """The process, if there is one."""
        return self._child

    def tick(self, now: float) -> list[ServerEvent]:
        """Look at the process and take the next step."""
        if self._child is None:
            if not self.draining and now >= self._again_at:
                self._launch_anew(now)
            return []
        happened = [*self._listen(self._child, now)]
        if self._child.exit_code is not None and self._child.must_move and not self.draining:
            # It is no failure: the next look starts it in a process of its own.
            self._child.close()
            self._child, self._deadline = None, 0.0
        elif self._child.exit_code is not None:
            happened.append(self._ended(self._child, now))
        elif reason := self._excess(self._child, now):
            self._report = f"it was killed: {reason}"
            self._child.kill()
            happened.append(self._ended(self._child, now))
        return happened

    def _excess(self, child: ServerChild, now: float) -> str:
        """Return which limit of time or memory it exceeds; empty if none."""
        # Where many start one after the other, the time of each begins when its turn comes; the one
        # that starts has a time of its own.
        if self._deadline and now > self._deadline and not child.is_waiting:
            return "no answer in time"
        if self._memory and (used := child.memory()) > self._memory:
            mib = 1024 * 1024
            return f"it used {used // mib} MiB, and its limit is {self._memory // mib} MiB"
        return ""

    def follow(self, terms: ServingTerms) -> None:
        """Send changed serving terms to a ready server."""
        if self._child is not None and self.address and terms != self._terms:
            self._child.send(terms)
            self._terms = terms

    def drain(self, now: float) -> None:
        """Let it finish its requests, then end."""
        if self.draining:
            return
        self.draining = True
        self.address = ""
        if self._child is not None:
            self._deadline = now + DRAIN_SECONDS
            self._child.end()

    def _launch_anew(self, now: float) -> None:
        self._launch = self._prepare()
        try:
            child = self._start(self._launch)
        except Unavailable as error:
            self._pause(now, error.message)
            return
        child.send(self._launch)
        self._terms = ServingTerms(self._launch.on_loss)
        self._child = child
        self._report = ""
        self._deadline = now + START_SECONDS

    def _listen(self, child: ServerChild, now: float) -> list[ServerEvent]:
        happened = []
        for message in child.messages():
            if message.get("event") == "ready" and not self.draining:
                self.address = str(message.get("address", ""))
                self.message = ""
                self._deadline = 0.0
                self._ready_since = now
                happened.append(ServerEvent("server.ready", self._launch))
            elif message.get("event") == "starting" and not self.draining:
                self._deadline = now + START_SECONDS
            elif message.get("event") == "content":
                is_lost = message.get("turn") == "lost"
                kind: Kind = "content.lost" if is_lost else "content.back"
                why = str(message.get("message", ""))[:500]
                happened.append(ServerEvent(kind, self._launch, why))
            elif message.get("event") == "failed":
                self._report = str(message.get("error") or message.get("message") or "")
                self.message = self._report
        return happened

    def _ended(self, child: ServerChild, now: float) -> ServerEvent:
        words = self._report or child.last_log_line()
        code = child.exit_code
        child.close()
        if self._launch.listen.startswith("unix:"):
            # A killed server leaves its socket behind.
            with suppress(OSError):
                Path(self._launch.listen.removeprefix("unix:")).unlink(missing_ok=True)
        self._child = None
        self._deadline = 0.0
        if self.draining:
            return ServerEvent("server.stopped", self._launch)
        if self.address and now - self._ready_since > STEADY_SECONDS:
            self._failures = 0
        self.address = ""
        self._pause(now, f"it ended with exit code {code}: {words}")
        return ServerEvent("server.failed", self._launch, self.message)

    def _pause(self, now: float, message: str) -> None:
        pause = pause_after(self._failures, first=FIRST_PAUSE, longest=LONGEST_PAUSE)
        self._again_at = now + pause
        self._failures += 1
        self.message = message
