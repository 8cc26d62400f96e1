"""A call of a model in another process: one batch, and the result of each request.

After a failure each request is asked alone, to find the one that caused it. If the process was lost
over a batch, no request is blamed, and all callers may try again.
"""

from collections.abc import Callable, Sequence

import numpy as np

from goldenpath.errors import GoldenPathError, Unavailable
from goldenpath.serve.model.model import ModelApart, Rows, Scores
from goldenpath.serve.protocol.inputs import Refusal
from goldenpath.serve.server.answers import PendingRequest

FEW = 8
"""Rows up to which a loop is faster than two calls of numpy."""
_LOST = "the model is not available now"


class BatchCall:
    """The questions of one batch; `finished` is called when each has scores or a refusal."""

    def __init__(
        self,
        model: ModelApart,
        accepted: Sequence[PendingRequest],
        rows: Rows,
        report: Callable[[str], None],
        *,
        finished: Callable[[], None],
    ) -> None:
        self._model = model
        self._asked, self._rows = accepted, rows
        self._report, self._finished = report, finished
        self._place = self._start = 0

    def begin(self) -> None:
        """Ask for all rows at once."""
        self._model.ask(self._rows, self._receive)

    def _receive(self, result: Scores | GoldenPathError) -> None:
        if not isinstance(result, GoldenPathError):
            deal(self._asked, self._rows, result)
        elif isinstance(result, Unavailable) or len(self._asked) == 1:
            for ask in self._asked:
                self._settle(ask, result, self._rows)
        else:
            self._ask_next()
            return
        self._finished()

    def _ask_next(self) -> None:
        if self._place == len(self._asked):
            self._finished()
            return
        ask = self._asked[self._place]
        rows = self._rows[self._start : self._start + ask.rows]
        self._place += 1
        self._start += ask.rows

        def receive(result: Scores | GoldenPathError) -> None:
            self._settle(ask, result, rows)
            self._ask_next()

        self._model.ask(rows, receive)

    def _settle(self, ask: PendingRequest, result: Scores | GoldenPathError, rows: Rows) -> None:
        if isinstance(result, Unavailable):
            ask.refusal = Refusal(503, _LOST, f"{_LOST}: {result.message}")
        elif isinstance(result, GoldenPathError):
            self._report(result.message)
            deal([ask], rows, np.full(len(rows), np.nan, dtype=np.float32))
        else:
            deal([ask], rows, result)


def deal(accepted: Sequence[PendingRequest], rows: Rows, scores: Scores) -> None:
    """Give each request its part of a batch."""
    if scores.ndim == 2:
        table, scores = scores, np.ascontiguousarray(scores[:, 0])
        is_score = (scores >= 0) & (scores <= 1)
        # Without a score there are no reasons.
        _deal_reasons(accepted, np.where(is_score[:, None], table[:, 1:], np.float32(np.nan)))
    inputs, raw, values = rows.tobytes(), scores.tobytes(), scores.tolist()
    width, start = 4 * rows.shape[1], 0
    # One check covers the whole batch: numpy's min and max propagate NaN.
    all_right = len(values) > FEW and bool(scores.min() >= 0.0 and scores.max() <= 1.0)
    for ask in accepted:
        end = start + (ask.question.rows if ask.question else 0)
        ask.inputs = inputs[width * start : width * end]
        ask.scores = raw[4 * start : 4 * end]
        ask.values = values[start:end]
        ask.has_scores = all_right or all(0.0 <= value <= 1.0 for value in ask.values)
        start = end


def _deal_reasons(accepted: Sequence[PendingRequest], weights: Scores) -> None:
    start = 0
    for ask in accepted:
        ask.reasons = np.ascontiguousarray(weights[start : start + ask.rows])
        start += ask.rows
