"""Answers of verbs that are kept as long as nothing has changed, so that a page does not wait.

A verb over 1,000 models reads and verifies for seconds. Its answer is kept with the state of the
machine that it was read from. Once that state is another one, the verb runs again; whoever asks
meanwhile waits briefly, and then gets the answer from before, marked as such. The time also changes
answers, such as a finding that is overdue: so nothing is kept for longer than `MOST_AGE`.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotReady
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from goldenpath.console.verb_answer import Ask, VerbAnswer

MOST_THREADS = 2
"""Verbs that run at the same time."""
MOST_KEPT = 256
MOST_AGE = 30.0
"""Seconds."""
WAIT = 0.5
"""Seconds until an answer from before is given."""
_LOOK = 0.5
"""Seconds for which the state of the machine is not looked at again."""


@dataclass(frozen=True, slots=True)
class _Kept:
    answer: VerbAnswer
    state: str
    at: float


class AnswerCache:
    """The verbs behind the pages, each run once for all who ask at the same time."""

    def __init__(
        self, ask: Ask, changes: Callable[[], str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ask, self._changes, self._clock = ask, changes, clock
        self._slots = threading.Semaphore(MOST_THREADS)
        self._lock = threading.Lock()
        self._looking = threading.Lock()
        self._kept: OrderedDict[tuple[str, ...], _Kept] = OrderedDict()
        self._running: dict[tuple[str, ...], Future[VerbAnswer]] = {}
        self._outdated: set[tuple[str, ...]] = set()
        """The command lines whose answer from before somebody was given."""
        self._renewed = 0
        self._state, self._looked = "", float("-inf")

    def answer(self, words: tuple[str, ...], *, is_kept: bool = True) -> VerbAnswer:
        """Return the answer of a command line; a new one if it is not to be kept."""
        if not is_kept:
            return self.run(words)
        state = self.state()
        with self._lock:
            known = self._kept.get(words)
            if known is not None:
                self._kept.move_to_end(words)
                if known.state == state and self._clock() - known.at < MOST_AGE:
                    return known.answer
            running = self._running.get(words)
            if running is None:
                running = self._running[words] = Future()
                # It ends with the process: a verb that reads for a minute keeps no console alive.
                threading.Thread(target=self._renew, args=(words, state), daemon=True).start()
        try:
            return running.result(WAIT if known is not None else None)
        except NotReady:
            with self._lock:
                if words in self._running and known is not None:
                    self._outdated.add(words)
                    return replace(known.answer, is_past=True)
        return running.result()

    def state(self) -> str:
        """Return a text that is another one once something has changed on this machine."""
        with self._looking:  # one look for all who ask at the same time
            if self._clock() - self._looked >= _LOOK:
                self._state, self._looked = self._changes(), self._clock()
            return self._state

    def news(self) -> str:
        """Return a text that is another one once a page would show something else."""
        return f"{self.state()} {self._renewed}"

    def _renew(self, words: tuple[str, ...], state: str) -> None:
        """Run a verb for all who wait, and keep its answer."""
        try:
            with self._slots:
                answer = self.run(words)
        except Exception as error:  # it is raised where the answer is waited for
            self._end(words, None).set_exception(error)
            return
        # What changed while the verb ran makes the next one who asks run it again.
        self._end(words, _Kept(answer, state, self._clock())).set_result(answer)

    def _end(self, words: tuple[str, ...], kept: _Kept | None) -> Future[VerbAnswer]:
        with self._lock:
            if kept is not None:
                self._kept[words] = kept
                if len(self._kept) > MOST_KEPT:
                    self._kept.popitem(last=False)
            if words in self._outdated:
                self._outdated.discard(words)
                self._renewed += 1
            return self._running.pop(words)

    def run(self, words: tuple[str, ...]) -> VerbAnswer:
        """Run a verb and return its answer."""
        began = datetime.now(UTC)
        return replace(self._ask(words), read_at=began)
