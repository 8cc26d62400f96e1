"""Asks a remote repository where `main` is, beside the loop, and more rarely while it is away.

A remote is asked every quarter of a minute, which costs one `git ls-remote`; no webhook is needed.
Whoever cannot wait says so (`hurry`), as the verbs on this machine do with a signal.
"""

import threading
from collections.abc import Callable

from goldenpath.errors import GoldenPathError

EVERY = 15.0
"""Seconds between two questions."""
RARELY = 300.0
"""Seconds after a long time without an answer."""


class Poll:
    """The last answer of a remote; asking never keeps the caller waiting but for the first time."""

    def __init__(self, ask: Callable[[], str], clock: Callable[[], float]) -> None:
        self._ask = ask
        self._clock = clock
        self._asking: threading.Thread | None = None
        self._said: str | GoldenPathError = ""
        """What the thread brought back; read once it has ended."""
        self._answer = ""
        self._error: GoldenPathError | None = None
        self._pause = EVERY
        self._due = 0.0
        self._hurried = False

    def hurry(self) -> None:
        """What happened up to now is known to the answer after next at the latest."""
        self._due = 0.0
        self._pause = EVERY
        self._hurried = self._asking is not None

    def head(self) -> str:
        """Where `main` was when the remote was asked last. Raises what asking raised."""
        if self._asking is None and self._clock() >= self._due:
            # A daemon: a remote that does not answer must not keep the machine from stopping.
            self._asking = threading.Thread(target=self._run, name="poll", daemon=True)
            self._asking.start()
            if not self._answer and self._error is None:
                self._asking.join()  # nothing is known yet
        if self._asking is not None and not self._asking.is_alive():
            self._asking = None
            self._take(self._said)
        if self._error is not None:
            raise self._error
        return self._answer

    def _run(self) -> None:
        try:
            self._said = self._ask()
        except GoldenPathError as error:
            self._said = error

    def _take(self, said: str | GoldenPathError) -> None:
        pause, self._pause = self._pause, EVERY
        if isinstance(said, str):
            self._answer, self._error = said, None
        else:
            self._error, self._pause = said, min(pause * 2, RARELY)
        self._due = self._clock() + (0.0 if self._hurried else pause)
        self._hurried = False
