"""Polls the head of `main` of a remote repository, in a thread beside the reconcile loop.

A poll every 15 seconds costs one `git ls-remote`, and no webhook is needed. While the remote does
not answer, the pause grows. A verb on this machine asks by a signal for a poll at once (`hurry`).
"""

import threading
from collections.abc import Callable

from goldenpath.backoff import longer_pause
from goldenpath.errors import GoldenPathError

EVERY = 15.0
"""Seconds between two polls."""
RARELY = 300.0
"""Longest pause in seconds while the remote does not answer."""


class Poll:
    """The last answer of a remote. Only the first poll keeps the caller waiting."""

    def __init__(self, ask: Callable[[], str], clock: Callable[[], float]) -> None:
        self._ask = ask
        self._clock = clock
        self._asking: threading.Thread | None = None
        self._result: str | GoldenPathError = ""
        """The result of the thread; read once it has ended."""
        self._answer = ""
        self._error: GoldenPathError | None = None
        self._pause = EVERY
        self._due = 0.0
        self._hurried = False

    def hurry(self) -> None:
        """Poll at once; a poll that is under way is followed by another one."""
        self._due = 0.0
        self._pause = EVERY
        self._hurried = self._asking is not None

    def head(self) -> str:
        """Return the head of `main` at the last poll. Raises the error of that poll."""
        if self._asking is None and self._clock() >= self._due:
            # A daemon thread: a remote that does not answer must not delay the end of the process.
            self._asking = threading.Thread(target=self._run, name="poll", daemon=True)
            self._asking.start()
            if not self._answer and self._error is None:
                self._asking.join()  # nothing is known yet
        if self._asking is not None and not self._asking.is_alive():
            self._asking = None
            self._take(self._result)
        if self._error is not None:
            raise self._error
        return self._answer

    def _run(self) -> None:
        try:
            self._result = self._ask()
        except GoldenPathError as error:
            self._result = error

    def _take(self, result: str | GoldenPathError) -> None:
        pause, self._pause = self._pause, EVERY
        if isinstance(result, str):
            self._answer, self._error = result, None
        else:
            self._error, self._pause = result, longer_pause(pause, first=EVERY, longest=RARELY)
        self._due = self._clock() + (0.0 if self._hurried else pause)
        self._hurried = False
