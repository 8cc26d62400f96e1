"""A call of a model in another process: one batch, and the result of each request.

After a failure each request is asked alone, to find the one that caused it. If the process was lost
over a batch, no request is blamed, and all callers may try again.
"""

from collections.abc import Callable, Sequence

import numpy as np

from goldenpath.errors import GoldenPathError, Unavailable
from goldenpath.project.task.answer_rules import AnswerRules
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
        rules: AnswerRules,
        *,
        report: Callable[[str], None],
        finished: Callable[[], None],
    ) -> None:
        self._model = model
        self._asked, self._rows, self._rules = accepted, rows, rules
        self._report, self._finished = report, finished
        self._place = self._start = 0

    def begin(self) -> None:
        """Ask for all rows at once."""
        self._model.ask(self._rows, self._receive)

    def _receive(self, result: Scores | GoldenPathError) -> None:
        if not isinstance(result, GoldenPathError):
            deal(self._asked, self._rows, result, self._rules)
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
            deal([ask], rows, np.full(len(rows), np.nan, dtype=np.float32), self._rules)
        else:
            deal([ask], rows, result, self._rules)


def deal(
    accepted: Sequence[PendingRequest], rows: Rows, scores: Scores, rules: AnswerRules
) -> None:
    """Give each request its part of a batch."""
    if scores.ndim == 2 or rules.task != "probability":
        _deal_numbers(accepted, rows, scores, rules)
        return
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


def _deal_numbers(
    accepted: Sequence[PendingRequest], rows: Rows, scores: Scores, rules: AnswerRules
) -> None:
    """Give each request its part of a batch of any task, with the weights of its reasons."""
    table = scores.reshape(len(rows), -1)
    numbers = np.ascontiguousarray(table[:, : rules.width])
    if numbers.shape[1] < rules.width:  # the model failed on these rows
        numbers = np.full((len(rows), rules.width), np.nan, np.float32)
    is_answer = rules.is_answer(numbers)
    if table.shape[1] > rules.width:
        # Without a score there are no reasons.
        weights = np.where(is_answer[:, None], table[:, rules.width :], np.float32(np.nan))
        _deal_reasons(accepted, weights)
    start = 0
    for ask in accepted:
        part = slice(start, start + ask.rows)
        start = part.stop
        ask.inputs, ask.scores = rows[part].tobytes(), numbers[part].tobytes()
        ask.values = numbers[part].ravel().tolist()
        ask.has_scores = bool(is_answer[part].all())


def _deal_reasons(accepted: Sequence[PendingRequest], weights: Scores) -> None:
    start = 0
    for ask in accepted:
        ask.reasons = np.ascontiguousarray(weights[start : start + ask.rows])
        start += ask.rows
