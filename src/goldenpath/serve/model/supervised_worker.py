"""A supervised code model: restarted if it dies or hangs, replaced if it leaks memory.

A process is used only after it has answered the example of the contract. A process that grew too
large is replaced without a gap: the next one is warm before the old one ends. A failed process is
restarted at once the first time, then with a back-off that doubles. Meanwhile questions are refused
at once.
"""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Literal

import numpy as np

from goldenpath.backoff import pause_after
from goldenpath.errors import GoldenPathError, InvalidInput, Unavailable
from goldenpath.project.spec import Contract
from goldenpath.project.task.answer_rules import AnswerRules
from goldenpath.serve.model.model import Rows, Scores
from goldenpath.serve.model.worker import Answered, Ready, Worker, WorkerTerms, Workplace

ROWS_PER_CALL = 1024
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
STEADY = 10.0
"""Seconds without failure after which the back-off starts again."""


def terms_of(contract: Contract) -> WorkerTerms:
    """Return what the contract requires of a code model."""
    python = contract.python
    if python is None:
        raise InvalidInput(f"the model of {contract.name} is no code")
    reasons = len(contract.reasons.codes) if contract.reasons is not None else 0
    return WorkerTerms(
        python.entry,
        len(contract.features),
        AnswerRules(contract).width + reasons,
        python.time_limit,
        python.start_limit,
        python.memory_limit,
        AnswerRules(contract).width,
    )


Turn = Literal["lost", "back"]
"""Changes of a model that had answered before."""


class SupervisedModel:
    """One model and its successive processes; used from the event loop."""

    def __init__(
        self,
        workplace: Workplace,
        terms: WorkerTerms,
        example: Rows,
        report: Callable[[str], None],
        *,
        happened: Callable[[Turn, str], None] = lambda turn, why: None,
    ) -> None:
        self.starts = 0
        """Processes so far."""
        self._workplace, self._terms, self._example = workplace, terms, example
        self._report = report
        self._happened = happened
        self._loop = asyncio.get_running_loop()
        self._current: Worker | None = None
        self._next: Worker | None = None
        self._is_warm = False
        """Whether the next process is warm and may take over."""
        self._since = 0.0
        self._failures = 0
        self._again: asyncio.TimerHandle | None = None
        self._started: asyncio.Future[Ready] | None = None
        self._is_closed = False

    @property
    def is_available(self) -> bool:
        """Whether a process is ready to answer."""
        return self._current is not None

    @property
    def process(self) -> int:
        """Id of the process that answers; 0 if there is none."""
        return self._current.pid if self._current is not None else 0

    async def start(self) -> Ready:
        """Start the first process, wait until it is warm, and return its own description.

        Raises `GoldenPathError` if that fails: the server then does not start.
        """
        self._started = self._loop.create_future()
        self._launch()
        try:
            return await self._started
        finally:
            self._started = None

    def ask(self, rows: Rows, answered: Answered) -> None:
        """Ask the model; many rows take several calls."""
        self._take_over()
        if self._current is None:
            self._loop.call_soon(answered, Unavailable("the model is being restarted"))
            return
        self._ask(self._current, rows, [], answered)

    def watch(self) -> None:
        """Replace a process that has grown too large."""
        current, limit = self._current, self._terms.memory_limit
        if current is None or self._next is not None or self._again is not None:
            return
        held = current.memory
        if held > limit:
            self._report(f"the model's process holds {held} MiB, more than {limit}: replacing it")
            self._retry()

    def close(self) -> None:
        """End every process."""
        self._is_closed = True
        if self._again is not None:
            self._again.cancel()
        for worker in (self._current, self._next):
            if worker is not None:
                worker.end("the server stopped")

    def _ask(self, worker: Worker, rows: Rows, scored: list[Scores], answered: Answered) -> None:
        def receive(result: Scores | GoldenPathError) -> None:
            if isinstance(result, GoldenPathError):
                answered(result)
                return
            scored.append(result if self._terms.outputs > 1 else result[:, 0])
            rest = rows[ROWS_PER_CALL:]
            if not len(rest):
                if self._next is not None:
                    self._loop.call_soon(self._take_over)
                answered(scored[0] if len(scored) == 1 else np.concatenate(scored))
            elif worker.state == "ready":
                self._ask(worker, rest, scored, answered)
            else:
                answered(Unavailable("the model's process was lost between two calls"))

        worker.ask(rows[:ROWS_PER_CALL], receive)

    def _launch(self) -> None:
        self._again = None
        if self._is_closed:
            return
        self.starts += 1
        self._is_warm = False
        try:
            self._next = Worker(self._workplace, self._terms, self._changed, self._report)
        except Unavailable as error:
            self._failed(error.message)

    def _changed(self, worker: Worker) -> None:
        if worker.state == "ready" and worker is self._next:
            self._warm_up(worker)
        elif worker.state == "ended" and worker is self._next:
            self._next = None
            self._failed(worker.why)
        elif worker.state == "ended" and worker is self._current:
            self._current = None
            self._failed(worker.why)

    def _warm_up(self, worker: Worker) -> None:
        many = np.repeat(self._example, 256, axis=0)

        def first(result: Scores | GoldenPathError) -> None:
            if not isinstance(result, GoldenPathError):
                worker.ask(many, second)
            elif worker.state == "ready":
                worker.end(result.message)

        def second(result: Scores | GoldenPathError) -> None:
            if not isinstance(result, GoldenPathError):
                self._is_warm = True
                self._take_over()
            elif worker.state == "ready":
                worker.end(result.message)

        # Work that the content does once, such as lazy loading, happens now.
        worker.ask(self._example, first, self._terms.start_limit)

    def _take_over(self) -> None:
        """Let a warm process replace the old one, unless the old one owes an answer."""
        worker, before = self._next, self._current
        if worker is None or not self._is_warm or (before is not None and before.is_asked):
            return
        self._current, self._next, self._since = worker, None, monotonic()
        if before is not None:
            before.end("it was replaced")
        elif self._started is None:
            self._report("the model answers again")
            self._happened("back", "")
        if self._started is not None and worker.ready is not None:
            self._started.set_result(worker.ready)

    def _failed(self, why: str) -> None:
        if self._is_closed:
            return
        if self._started is not None:
            if not self._started.done():
                self._started.set_exception(Unavailable(f"the model cannot be started: {why}"))
            return
        self._report(f"the model's process is lost: {why}")
        self._happened("lost", why)
        if self._next is None and self._again is None:
            self._retry()

    def _retry(self) -> None:
        if self._since and monotonic() - self._since > STEADY:
            self._failures = 0
        # A model that worked until now is started again at once.
        pause = 0.0
        if self._failures:
            pause = pause_after(self._failures - 1, first=FIRST_PAUSE, longest=LONGEST_PAUSE)
        self._failures += 1
        self._again = self._loop.call_later(pause, self._launch)
