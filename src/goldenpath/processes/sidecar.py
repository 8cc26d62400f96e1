"""A child that always runs beside the servers: the gateway, the observer."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from goldenpath.backoff import pause_after
from goldenpath.errors import Unavailable
from goldenpath.processes.child import DRAIN_SECONDS, FIRST_PAUSE, LONGEST_PAUSE, Child, Message


class Sidecar:
    """A sidecar: started at the first tick, and restarted with back-off whenever it ends."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        *,
        launch: Callable[[], object | None],
        news: Callable[[], object | None] = lambda: None,
    ) -> None:
        self.name = name
        self._command = command
        self._environment = environment
        self._log = log
        self._launch = launch
        """Returns the launch record; None: the child is not needed yet."""
        self._news = news
        """Returns the message to send after the launch and after each change; None: nothing."""
        self._sent: object | None = None
        self._failures = 0
        self._again_at = 0.0
        self.child: Child | None = None
        self.starts = 0
        """Number of starts."""
        self.message = ""
        self._report = ""
        """What this run said about its failure; that of an older run explains nothing."""
        self.is_ready = False
        """Whether it has reported `ready`."""
        self.stuck = ""
        """Why it runs and yet cannot do its work, as it says itself; empty if it can."""

    @property
    def fault(self) -> str:
        """Why it does not do its work; empty while it does."""
        is_down = bool(self._failures) and not self.is_ready
        return self.message if is_down else self.stuck

    def tick(self, now: float) -> Iterator[Message]:
        """Yield the messages of the child; starts it if it does not run."""
        if self.child is None:
            launch = None if now < self._again_at else self._launch()
            if launch is None:
                return
            try:
                self.child = Child(self.name, self._command, self._environment, self._log)
            except Unavailable as error:
                self._pause(now, error.message)
                return
            self.starts += 1
            self._report = ""
            self.child.send(launch)
            # A new child knows nothing, so that the news is sent again.
            self._sent = None
        news = self._news()
        if news is not None and news != self._sent:
            self.child.send(news)
            self._sent = news
        for message in self.child.messages():
            if message.get("event") == "failed":
                self.message = self._report = str(message.get("message", ""))
            elif message.get("event") == "stuck":
                self.stuck = str(message.get("message", ""))
            else:
                self._failures = 0
                self.message = self._report = ""
                self.is_ready = self.is_ready or message.get("event") == "ready"
            yield message
        if self.child.exit_code is not None:
            # What the child itself reported says more than the end of its log.
            self._pause(now, self._report or f"{self.name} ended: {self.child.last_log_line()}")
            self.child.close()
            self.child = None
            self.is_ready = False
            self.stuck = ""

    def _pause(self, now: float, message: str) -> None:
        """Wait before the next start.

        Any message of progress sets the failures to zero: only a child that never works backs off.
        """
        self.message = message
        self._again_at = now + pause_after(self._failures, first=FIRST_PAUSE, longest=LONGEST_PAUSE)
        self._failures += 1

    def end(self, wait: Callable[[], float]) -> list[Message]:
        """Let the child drain and exit, and return its last messages.

        Kills it if that takes too long. `wait` sleeps briefly and returns the time.
        """
        if self.child is None:
            return []
        self.child.end()
        give_up = wait() + DRAIN_SECONDS
        messages: list[Message] = []
        while self.child.exit_code is None and wait() < give_up:
            messages += self.child.messages()
        # Also after an orderly end: it kills what the child may have left behind.
        self.child.kill()
        messages += self.child.messages()
        self.child.close()
        self.child = None
        return messages


Wait = Callable[[], float]


class Sidecars:
    """The sidecars of a supervisor, each with who hears its messages."""

    def __init__(self) -> None:
        self._all: list[tuple[Sidecar, Callable[[Message], None]]] = []
        self._listeners: list[Sidecar] = []
        """Those that callers reach, and that hand requests on."""

    def attend(
        self, sidecar: Sidecar, hear: Callable[[Message], None], *, is_listener: bool
    ) -> None:
        """Keep another one running; `hear` receives its messages."""
        self._all.append((sidecar, hear))
        if is_listener:
            self._listeners.append(sidecar)

    @property
    def fault(self) -> str:
        """Which of them does not do its work, and why; empty if all do."""
        faults = (sidecar.fault for sidecar, _ in self._all)
        return next((fault for fault in faults if fault), "")

    @property
    def are_listening(self) -> bool:
        """Whether all that callers reach are ready."""
        return all(sidecar.is_ready for sidecar in self._listeners)

    def children(self, *, ready: bool = False) -> list[Child]:
        """Return the processes that run, or those alone that are ready."""
        running = [each for each, _ in self._all if each.is_ready or not ready]
        return [each.child for each in running if each.child is not None]

    def tick(self, now: float, *, listeners: bool, others: bool) -> None:
        """Start what does not run and hear what runs, of one kind or both."""
        for sidecar, hear in self._all:
            if listeners if sidecar in self._listeners else others:
                for message in sidecar.tick(now):
                    hear(message)

    def end_listeners(self, wait: Wait) -> None:
        """End those that callers reach, before what they need to answer."""
        for sidecar, hear in self._all:
            if sidecar in self._listeners:
                for message in sidecar.end(wait):
                    hear(message)

    def end(self, wait: Wait) -> None:
        """End all that run."""
        for sidecar, hear in self._all:
            for message in sidecar.end(wait):
                hear(message)
