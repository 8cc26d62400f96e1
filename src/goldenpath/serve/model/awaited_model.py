"""A code model whose caller waits for its answers: for a replay, and never for a server.

It runs in the same process, sandbox and environment as under a server.
"""

import asyncio
from collections.abc import Callable

import numpy as np

from goldenpath.errors import GoldenPathError, Unavailable
from goldenpath.project.spec import Contract
from goldenpath.serve.model.model import Rows, Scores
from goldenpath.serve.model.supervised_worker import ROWS_PER_CALL, terms_of
from goldenpath.serve.model.worker import Worker, WorkerTerms, Workplace


class AwaitedModel:
    """One process of a code model. It is used by one thread, and ended by `close`."""

    def __init__(
        self, workplace: Workplace, contract: Contract, report: Callable[[str], None]
    ) -> None:
        """Start the process. Raises `Unavailable` if it does not become ready."""
        self._loop = asyncio.new_event_loop()
        try:
            started = self._started(workplace, terms_of(contract), report)
            self._worker = self._loop.run_until_complete(started)
        except BaseException:
            self._loop.close()
            raise

    @property
    def process(self) -> int:
        """Its process id."""
        return self._worker.pid

    def predict(self, rows: Rows) -> Scores:
        """Return the answer of each row. Raises `GoldenPathError` if the model fails."""
        starts = range(0, len(rows), ROWS_PER_CALL)
        return np.concatenate(
            [
                self._loop.run_until_complete(self._answer(rows[start : start + ROWS_PER_CALL]))
                for start in starts
            ]
        )

    def close(self) -> None:
        """End the process."""
        self._worker.end("the replay is over")
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _started(
        self, workplace: Workplace, terms: WorkerTerms, report: Callable[[str], None]
    ) -> Worker:
        changed = asyncio.Event()
        worker = Worker(workplace, terms, lambda _: changed.set(), report)
        await changed.wait()
        if worker.state != "ready":
            raise Unavailable(f"the model's process did not start: {worker.why}")
        return worker

    async def _answer(self, rows: Rows) -> Scores:
        if self._worker.state != "ready":
            raise Unavailable(f"the model's process was lost: {self._worker.why}")
        answer: asyncio.Future[Scores] = self._loop.create_future()

        def receive(result: Scores | GoldenPathError) -> None:
            if isinstance(result, GoldenPathError):
                answer.set_exception(result)
            else:
                answer.set_result(result)

        self._worker.ask(rows, receive)
        return await answer
