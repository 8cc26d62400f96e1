"""Calls of a model: quick ones at once, slow ones in pieces on a thread of their own.

A piece lasts about as long as the event loop may be kept waiting. Between two pieces the loop takes
a turn for requests that came meanwhile, and slow batches take turns with each other. So nobody
waits for the whole of somebody else's large request.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from time import monotonic_ns

import numpy as np

from goldenpath.errors import GoldenPathError
from goldenpath.serve.model.model import Model, Rows, Scores
from goldenpath.serve.server.answers import PendingRequest
from goldenpath.serve.server.row_stack import joined

Finished = Callable[[Callable[[], Scores], int], None]
"""Takes what returns the scores or raises, and the nanoseconds that the model took."""


@dataclass(slots=True)
class _SlowBatch:
    """Rows that are scored piece by piece."""

    accepted: Sequence[PendingRequest]
    rows: Rows
    finished: Finished
    scores: list[Scores] = field(default_factory=list)
    scored: int = 0
    nanoseconds: int = 0


class ModelCalls:
    """The calls of one model in this process."""

    def __init__(
        self,
        model: Model,
        loop: asyncio.AbstractEventLoop,
        *,
        step: int,
        report: Callable[[str], None],
        wake: Callable[[], None],
    ) -> None:
        """`step` rows are scored at once; `wake` is called in the loop after each piece."""
        self.model = model
        self.step = self.piece = step
        """Rows of a call of the model, and of a piece: a multiple of it."""
        self.is_busy = False
        """Whether the thread scores a piece."""
        self._loop = loop
        self._report = report
        self._wake = wake
        self._waiting: deque[_SlowBatch] = deque()
        self._thread: ThreadPoolExecutor | None = None

    def pace(self, step: int, rows: int) -> None:
        """Score `step` rows at once, and about so many `rows` in a piece."""
        # A piece is cut where the whole batch would be cut: the same calls give the same bytes.
        self.step, self.piece = step, max(rows // step, 1) * step

    def begin(self, accepted: Sequence[PendingRequest], rows: Rows, finished: Finished) -> None:
        """Let a batch take turns with the others; see `go_on`."""
        self._waiting.append(_SlowBatch(accepted, rows, finished))

    def go_on(self) -> None:
        """Score the next piece of the batch that has waited longest, unless one is scored."""
        if self.is_busy or not self._waiting:
            return
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="model")
        batch, start = self._waiting.popleft(), monotonic_ns()
        self.is_busy = True
        future = self._thread.submit(self._score, batch)

        def come_back() -> None:
            self.is_busy = False
            batch.nanoseconds += monotonic_ns() - start
            try:
                self._take(batch, future)
            finally:
                self._wake()

        def done(_: Future[Scores]) -> None:
            self._loop.call_soon_threadsafe(come_back)

        future.add_done_callback(done)

    def predict(self, accepted: Sequence[PendingRequest], rows: Rows) -> Scores:
        """Return the score of each row; NaN for every row of a request on which the model fails."""
        try:
            # Most calls have one row.
            return self.model.predict(rows) if len(rows) <= self.step else self._in_steps(rows)
        except GoldenPathError as error:
            if len(accepted) == 1:
                self._report(error.message)
                return np.full(len(rows), np.nan, dtype=np.float32)
        parts, start = [], 0
        for ask in accepted:
            parts.append(self.predict([ask], rows[start : start + ask.rows]))
            start += ask.rows
        return joined(parts)

    def close(self) -> None:
        """End the thread."""
        if self._thread is not None:
            self._thread.shutdown()

    def _take(self, batch: _SlowBatch, future: "Future[Scores]") -> None:
        if future.exception() is None:
            batch.scores.append(future.result())
            batch.scored += len(batch.scores[-1])
            if batch.scored < len(batch.rows):
                self._waiting.append(batch)
                return
        batch.finished(lambda: _whole(batch, future), batch.nanoseconds)

    def _score(self, batch: _SlowBatch) -> Scores:
        rows = batch.rows
        if len(rows) <= self.piece:
            return self.predict(batch.accepted, rows)
        try:
            return self._in_steps(rows[batch.scored : batch.scored + self.piece])
        except GoldenPathError:
            # Which request is at fault shows only over all rows, from the beginning.
            batch.scores.clear()
            batch.scored = 0
            return self.predict(batch.accepted, rows)

    def _in_steps(self, rows: Rows) -> Scores:
        step = self.step
        starts = range(0, len(rows), step)
        return np.concatenate([self.model.predict(rows[start : start + step]) for start in starts])


def _whole(batch: _SlowBatch, last: "Future[Scores]") -> Scores:
    last.result()  # raises what the last piece raised
    return batch.scores[0] if len(batch.scores) == 1 else joined(batch.scores)
