"""A child that always runs beside the servers: the gateway, the observer."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from goldenpath.processes.backoff import DRAIN_SECONDS, pause_after
from goldenpath.processes.child import Child, Message


class Sidecar:
    """Started at the first tick and again, with back-off, whenever it ends by itself."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        *,
        launch: Callable[[], object],
        news: Callable[[], object | None] = lambda: None,
    ) -> None:
        self.name = name
        self._command = command
        self._environment = environment
        self._log = log
        self._launch = launch
        self._news = news
        """What it is told after its launch and whenever it is something else; None: nothing."""
        self._told: object | None = None
        self._failures = 0
        self._again_at = 0.0
        self.child: Child | None = None
        self.starts = 0
        """How often it was started."""
        self.message = ""
        self.is_ready = False
        """Whether it said that it is."""

    def tick(self, now: float) -> Iterator[Message]:
        """What it said; starts it if it does not run."""
        if self.child is None:
            if now < self._again_at:
                return
            self.child = Child(self.name, self._command, self._environment, self._log)
            self.starts += 1
            self.child.tell(self._launch())
            self._told = None
        news = self._news()
        if news is not None and news != self._told:
            self.child.tell(news)
            self._told = news
        for message in self.child.messages():
            if message.get("event") == "failed":
                self.message = str(message.get("message", ""))
            else:
                self._failures = 0
                self.message = ""
                self.is_ready = self.is_ready or message.get("event") == "ready"
            yield message
        if self.child.exit_code is not None:
            self._again_at = now + pause_after(self._failures)
            self._failures += 1
            self.message = self.message or f"{self.name} ended: {self.child.last_words()}"
            self.child.close()
            self.child = None
            self.is_ready = False

    def end(self, wait: Callable[[], float]) -> list[Message]:
        """Lets it drain and leave, and gives back what it said meanwhile.

        Kills it if that takes too long. `wait` naps and gives the time.
        """
        if self.child is None:
            return []
        self.child.end()
        give_up = wait() + DRAIN_SECONDS
        said: list[Message] = []
        while self.child.exit_code is None and wait() < give_up:
            said += self.child.messages()
        self.child.kill()
        said += self.child.messages()
        self.child.close()
        self.child = None
        return said
