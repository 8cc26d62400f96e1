"""One model call per turn of the event loop, over all requests that arrived in it.

No timer delays a batch. At low load a request is alone and is answered while it is read. Under load
the requests that became readable together share one call. Faults are found per batch and refused
per request. Records are written before answers are sent.
"""

import asyncio
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import monotonic_ns, perf_counter

import numpy as np
from numpy.typing import NDArray

from goldenpath.http.messages.exchange import Exchange, refuse
from goldenpath.serve.model.model import Model, ModelApart, Rows, Scores
from goldenpath.serve.protocol.inputs import InputRules, Refusal
from goldenpath.serve.protocol.open_inference import Question
from goldenpath.serve.server.answers import Answers, PendingRequest
from goldenpath.serve.server.batch_call import BatchCall, deal
from goldenpath.serve.server.model_calls import ModelCalls
from goldenpath.serve.server.recorder import Recorder
from goldenpath.serve.server.row_stack import first_row, stacked

ROWS_PER_CALL = 1024
STEPS = (64, 256)
"""Candidate rows per call; the warm-up finds the fastest per row.

ONNX Runtime walks trees row by row for a few rows and tree by tree for many, which takes longer
where all trees do not fit the cache.
"""
SLOW = 0.002
"""Seconds; a call that takes longer leaves the thread of the event loop.

Half of it costs 3 percent more at full load with 32 rows a request: model and loop push each other
out of the caches.
"""
LONG = 0.02
"""Total seconds after which the timing of a call stops."""
GAP = 30_000
"""Nanoseconds; a request that comes this long after the last answer came alone."""


@dataclass(frozen=True, slots=True)
class Pace:
    """The duration of a call in seconds, measured during the warm-up."""

    call: float = 0.0
    row: float = 0.0

    def of(self, rows: int) -> float:
        """Return the seconds of a call over `rows` rows."""
        return self.call + self.row * rows

    def rows_in(self, seconds: float) -> int:
        """Return the number of rows that a call can score in `seconds`."""
        return int((seconds - self.call) / self.row) if self.row else ROWS_PER_CALL


class Batcher:
    """Gathers requests, calls the model, and passes the results on."""

    def __init__(
        self,
        model: Model | ModelApart,
        rules: InputRules,
        answers: Answers,
        recorder: Recorder,
        *,
        report: Callable[[str], None],
        waiting_rows: int = 16 * ROWS_PER_CALL,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._apart = model if isinstance(model, ModelApart) else None
        self._rules = rules
        self._answers = answers
        self._recorder = recorder
        self._report = report
        self._most_waiting = waiting_rows
        self._waiting: deque[PendingRequest] = deque()
        self._rows_waiting = 0
        self._refused: list[PendingRequest] = []
        self._scheduled = False
        self._calls: ModelCalls | None = None
        if not isinstance(model, ModelApart):
            self._calls = ModelCalls(
                model, self._loop, step=ROWS_PER_CALL, report=report, wake=self._wake
            )
        self._rows_aside = 0
        """Rows of slow batches, which are scored piece by piece."""
        self._asked = False
        """Whether a model in another process is at work."""
        self._pace = Pace()
        self._most = ROWS_PER_CALL
        self._names = _random_names()
        self._ended = 0
        self._last_size = 0

    @property
    def is_idle(self) -> bool:
        """Whether no request waits or is being answered."""
        return not (self._waiting or self._refused or self._asked or self._rows_aside)

    @property
    def is_available(self) -> bool:
        """Whether the model can answer."""
        return self._apart is None or self._apart.is_available

    @property
    def is_full(self) -> bool:
        """Whether another request would wait too long."""
        return self._rows_waiting >= self._most_waiting

    def warm_up(self) -> None:
        """Call the model like real traffic. Raises `GoldenPathError` if that fails."""
        if self._calls is None:
            return  # it has already answered in its own process
        model = self._calls.model
        one = _time(model, self._rules.examples(1))
        times = {rows: _time(model, self._rules.examples(rows)) for rows in STEPS}
        # Libraries vectorise in blocks, so that some sizes of a batch cost less for each row than
        # others.
        step = min(STEPS, key=lambda rows: times[rows] / rows)
        self._pace = Pace(one, max(0.0, times[step] - one) / step)
        # Short calls stay in the loop: another thread would cost more than it saves.
        quick = self._pace.rows_in(SLOW)
        self._most = min(ROWS_PER_CALL, quick) if quick >= step else ROWS_PER_CALL
        self._calls.pace(step, quick)

    def ask(self, exchange: Exchange, question: Question) -> None:
        """Answer the question in this turn, or as soon as the model is free; see `settle`."""
        self._waiting.append(PendingRequest(exchange, question))
        self._rows_waiting += question.rows

    def refuse(self, exchange: Exchange, refusal: Refusal) -> None:
        """Answer with the refusal, once it is recorded; see `settle`."""
        self._refused.append(PendingRequest(exchange, None, refusal))

    def settle(self) -> None:
        """Answer the waiting requests after a connection was read, at once if only one waits.

        For a single request another turn of the event loop would find nothing more.
        """
        if self._scheduled or not (self._waiting or self._refused):
            return
        if not self._is_alone():
            self._schedule()
            return
        try:
            self._turn()
        except Exception as error:
            # The connection is not at fault, so the error must not reach it.
            self._loop.call_exception_handler({"message": "a turn failed", "exception": error})

    def watch(self) -> None:
        """To be called about twice a second."""
        if self._apart is not None:
            self._apart.watch()

    def close(self) -> None:
        """End the thread of slow calls, or the process of the model."""
        if self._apart is not None:
            self._apart.close()
        if self._calls is not None:
            self._calls.close()

    def _is_alone(self) -> bool:
        waiting = self._waiting
        return (
            len(waiting) == 1
            and self._last_size <= 1
            and waiting[0].exchange.started - self._ended > GAP
        )

    def _wake(self) -> None:
        """Take a turn after a piece of a slow batch, or score the next piece."""
        if self._waiting:
            self._schedule()
        else:
            self._go_on()

    def _go_on(self) -> None:
        """Score the next piece of a slow batch, or else take a turn for what is left over."""
        if self._rows_aside and self._calls is not None:
            self._calls.go_on()
        elif self._waiting and not self._asked:
            self._schedule()

    def _may_take(self) -> bool:
        """Whether the model is free between two pieces, and not too many rows are set aside."""
        is_scoring = self._calls is not None and self._calls.is_busy
        return not (self._asked or is_scoring or self._rows_aside >= self._most_waiting)

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._scheduled = False
        # Refusals need no model, so they do not wait for it.
        if not self._waiting or ((self._asked or self._rows_aside) and not self._may_take()):
            self._finish([], 0)
            if self._rows_aside:
                self._go_on()
            return
        batch = self._take()
        try:
            self._work_off(batch)
        except Exception:
            # Our own fault must not leave callers waiting; the event loop reports it.
            self._give_up(batch)
            raise
        finally:
            if self._waiting or self._rows_aside:
                self._go_on()

    def _work_off(self, batch: list[PendingRequest]) -> None:
        rows = self._check(batch)
        accepted = [ask for ask in batch if ask.refusal is None]
        if not accepted:
            self._finish(batch, 0)
        elif self._apart is not None:
            self._ask_apart(self._apart, batch, accepted, rows)
        elif self._calls is None:
            raise ValueError("a batch without a model")
        elif self._pace.of(len(rows)) > SLOW:
            self._call_aside(self._calls, batch, accepted, rows)
        else:
            start = monotonic_ns()
            scores = self._calls.predict(accepted, rows)
            inference = monotonic_ns() - start
            deal(accepted, rows, scores, self._answers.rules)
            self._finish(batch, inference)

    def _give_up(self, batch: Sequence[PendingRequest]) -> None:
        for ask in batch:
            if ask.exchange.answer is None:
                refuse(ask.exchange, 500, "the server failed")
        for connection in {ask.exchange.connection for ask in batch}:
            connection.flush()

    def _take(self) -> list[PendingRequest]:
        """Take the requests for one call: as many as fit, and at least one."""
        waiting = self._waiting
        if self._rows_waiting <= self._most:
            batch = list(waiting)
            waiting.clear()
            self._rows_waiting = 0
            return batch
        batch = [waiting.popleft()]
        rows = batch[0].rows
        while waiting and rows + waiting[0].rows <= self._most:
            batch.append(waiting.popleft())
            rows += batch[-1].rows
        self._rows_waiting -= rows
        return batch

    def _check(self, batch: Sequence[PendingRequest]) -> Rows:
        """Return the rows of the valid requests; the others get their refusal."""
        given, rows = stacked(batch, len(self._rules.names))
        if len(rows) == 1 and self._rules.accepts_row(first_row(batch[0])):
            return rows
        right = self._rules.accept(rows)
        if not self._rules.is_exact_at_once(given, rows):
            right = self._exact(batch, rows, right)
        if right is None:
            return rows
        kept, start = [rows[:0]], 0
        for ask in batch:
            part = slice(start, start + ask.rows)
            start = part.stop
            if right[part].all():
                kept.append(rows[part])
            else:
                sent = ask.question.values if ask.question else None
                ask.refusal = self._rules.refusal(rows[part], right[part], sent)
        return np.concatenate(kept)

    def _exact(
        self, batch: Sequence[PendingRequest], rows: Rows, right: NDArray[np.bool_] | None
    ) -> NDArray[np.bool_] | None:
        """Return which of the valid values are exact; None if all are."""
        start = 0
        for ask in batch:
            part = slice(start, start + ask.rows)
            start = part.stop
            exact = self._rules.exact(ask.question.values, rows[part]) if ask.question else None
            if exact is not None:
                right = np.ones(rows.shape, np.bool_) if right is None else right
                right[part] &= exact
        return right

    def _ask_apart(
        self,
        model: ModelApart,
        batch: list[PendingRequest],
        accepted: list[PendingRequest],
        rows: Rows,
    ) -> None:
        """Ask a model in another process; its answer continues the turn."""
        self._asked = True
        start = monotonic_ns()

        def finished() -> None:
            self._asked = False
            if self._waiting:
                self._schedule()
            try:
                self._finish(batch, monotonic_ns() - start)
            except Exception:
                self._give_up(batch)
                raise

        call = BatchCall(
            model, accepted, rows, self._answers.rules, report=self._report, finished=finished
        )
        call.begin()

    def _call_aside(
        self,
        calls: ModelCalls,
        batch: list[PendingRequest],
        accepted: list[PendingRequest],
        rows: Rows,
    ) -> None:
        """Let the batch be scored piece by piece; its last piece continues the turn."""
        count = len(rows)
        self._rows_aside += count

        def finished(scores: Callable[[], Scores], inference: int) -> None:
            self._rows_aside -= count
            try:
                deal(accepted, rows, scores(), self._answers.rules)
                self._finish(batch, inference)
            except Exception:
                self._give_up(batch)
                raise

        calls.begin(accepted, rows, finished)

    def _finish(self, batch: list[PendingRequest], inference: int) -> None:
        """Render and record the answers, and only then send them."""
        batch += self._refused
        self._refused = []
        if not batch:
            return
        for pending in batch:
            given = pending.exchange.headers.get(b"x-goldenpath-prediction-id")
            pending.prediction_id = given.decode("ascii") if given else next(self._names)
            self._answers.render(pending)
        self._recorder.record(batch, inference, self._answers)
        for connection in {asked.exchange.connection for asked in batch}:
            connection.flush()
        self._last_size, self._ended = len(batch), monotonic_ns()


def _time(model: Model, rows: Rows) -> float:
    """Return the seconds of a warm call; a slow one is measured fewer times."""
    seconds: list[float] = []
    while len(seconds) < 5 and sum(seconds) < LONG:
        start = perf_counter()
        model.predict(rows)
        seconds.append(perf_counter() - start)
    return min(seconds)


def _random_names() -> Iterator[str]:
    """Return ids of 128 random bits in hexadecimal; one system call serves many."""
    while True:
        names = os.urandom(16 * 256).hex()
        for start in range(0, len(names), 32):
            yield names[start : start + 32]
