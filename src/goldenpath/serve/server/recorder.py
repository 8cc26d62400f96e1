"""What is written down of each answer, before it is sent."""

from collections.abc import Mapping, Sequence
from time import monotonic_ns, time_ns
from typing import Literal

from goldenpath.serve.protocol.inputs import Refusal
from goldenpath.serve.record.spool import SpoolWriter
from goldenpath.serve.record.spool_format import Door
from goldenpath.serve.record.turn_frame import (
    ID_SIZE,
    LAYOUT_OF_ONE,
    TURN,
    RequestDetails,
    Times,
    render_rest,
    render_turn,
)
from goldenpath.serve.server.answers import Answers, PendingRequest

OnLoss = Literal["serve", "refuse"]
"""What happens to requests that cannot be written down: answered and counted, or refused."""

_DOORS: Mapping[bytes, Door] = {b"/v1": "predict", b"/in": "call"}
"""By the beginning of a target that asks for predictions."""
_TRACE, _SHADOW, _CANARY = b"traceparent", b"x-goldenpath-shadow", b"x-goldenpath-canary"
"""Fields of a request that stand in its record."""
_USUAL_FORMS = ("json", "binary")
"""Of questions: those that come by the usual door and are refused without an answer."""
_UNRECORDED = Refusal(503, "the prediction cannot be recorded now", "not recorded")


class Recorder:
    """Numbers the requests of a server and spools their records."""

    def __init__(self, spool: SpoolWriter | None, on_loss: OnLoss) -> None:
        self._spool = spool
        self.on_loss = on_loss
        self._sequence = 0

    @property
    def answered(self) -> int:
        """Requests so far."""
        return self._sequence

    def record(self, batch: Sequence[PendingRequest], inference: int, answers: Answers) -> None:
        """Writes one record per request; where that fails, does what the policy says."""
        if self._spool is None:
            self._sequence += len(batch)
            return
        first, size, now = self._sequence, len(batch), monotonic_ns()
        if size == 1 and (one := _render_one(batch[0], first, now, inference)):
            payload = one
        else:
            payload = _render(batch, first, (time_ns() - now, now, inference))
        if self._spool.append(payload, first, size, now):
            self._sequence += size
        elif self.on_loss == "serve":
            self._spool.lose(first, size, sum(asked.rows for asked in batch))
            self._sequence += size
        else:
            # Nothing is answered, so no sequence number is used up and nothing is missing.
            for asked in batch:
                asked.refusal, asked.values = _UNRECORDED, None
                answers.render(asked)


def _render_one(asked: PendingRequest, first: int, now: int, inference: int) -> bytes:
    """The turn of one request; nothing if it has `RequestDetails`.

    At low load this is on the path of every request, so it makes no list and calls little.
    """
    exchange, question = asked.exchange, asked.question
    inputs, scores, headers = asked.inputs, asked.scores, exchange.headers
    if (
        question is None
        or question.form not in _USUAL_FORMS
        or question.subjects is not None
        or question.said is not None
        or asked.reasons is not None
        or _SHADOW in headers
        or _CANARY in headers
        or len(scores) != 4 * question.rows
        or len(asked.prediction_id) != ID_SIZE
    ):
        return b""
    rest, trace = b"", headers.get(_TRACE, b"")
    if exchange.caller or trace:
        rest = render_rest([exchange.caller], [trace[:128]], [])
    head = LAYOUT_OF_ONE.pack(
        TURN,
        1,
        first,
        time_ns() - now,
        now,
        inference,
        len(inputs),
        len(scores),
        len(rest),
        asked.prediction_id.encode(),
        exchange.started,
        question.rows,
    )
    return head + inputs + scores + rest


def _render(batch: Sequence[PendingRequest], first: int, times: Times) -> bytes:
    started: list[int] = []
    rows: list[int] = []
    details: list[tuple[int, RequestDetails]] = []
    is_named = False
    # One loop almost without calls: this is done for every request there is.
    for asked in batch:
        exchange, question = asked.exchange, asked.question
        headers = exchange.headers
        if (
            question is None
            or question.form not in _USUAL_FORMS
            or question.subjects is not None
            or question.said is not None
            or asked.reasons is not None
            or _SHADOW in headers
            or _CANARY in headers
        ):
            details.append((len(rows), _details(asked)))
        if exchange.caller or _TRACE in headers:
            is_named = True
        started.append(exchange.started)
        rows.append(0 if question is None else question.rows)
    ids = [asked.prediction_id for asked in batch]
    inputs = [asked.inputs for asked in batch]
    scores = [asked.scores for asked in batch]
    rest = b""
    if is_named:
        traces = [asked.exchange.headers.get(_TRACE, b"")[:128] for asked in batch]
        rest = render_rest([asked.exchange.caller for asked in batch], traces, details)
    elif details:
        rest = render_rest([], [], details)
    return render_turn(first, times, (ids, started, rows, inputs, scores), rest)


def _details(asked: PendingRequest) -> RequestDetails:
    exchange, question = asked.exchange, asked.question
    return RequestDetails(
        asked.status,
        question.subjects if question else None,
        asked.refusal.note if asked.refusal else "",
        b"" if asked.reasons is None else asked.reasons.tobytes(),
        _DOORS.get(exchange.target[:3], "infer"),
        _SHADOW in exchange.headers,
        _CANARY in exchange.headers,
        question.said if question else asked.said,
    )
