"""The recorder: writes a record of each answer before it is sent."""

from collections.abc import Mapping, Sequence
from time import monotonic_ns, time_ns
from typing import Literal

from goldenpath.serve.protocol.inputs import Refusal
from goldenpath.serve.record.spool import SpoolWriter
from goldenpath.serve.record.spool_format import Endpoint
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
"""The policy for requests that cannot be recorded: answer and count them, or refuse them."""

_ENDPOINTS: Mapping[bytes, Endpoint] = {b"/v1": "predict", b"/in": "call"}
"""Endpoint by the first bytes of the target."""
_TRACE, _SHADOW, _CANARY = b"traceparent", b"x-goldenpath-shadow", b"x-goldenpath-canary"
"""Header fields that go into the record."""
_USUAL_FORMS = ("json", "binary")
"""Forms of questions that need no `RequestDetails`."""
_UNRECORDED = Refusal(503, "the prediction cannot be recorded now", "not recorded")


class Recorder:
    """Numbers the requests of a server and spools their records."""

    def __init__(self, spool: SpoolWriter | None, on_loss: OnLoss) -> None:
        self._spool = spool
        self.on_loss = on_loss
        self._sequence = 0

    @property
    def answered(self) -> int:
        """Number of requests so far."""
        return self._sequence

    def record(self, batch: Sequence[PendingRequest], inference: int, answers: Answers) -> None:
        """Write one record per request; if that fails, apply the policy."""
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
            # Nothing is answered, so no sequence number is used and there is no gap.
            for pending in batch:
                pending.refusal, pending.values = _UNRECORDED, None
                answers.render(pending)


def _render_one(pending: PendingRequest, first: int, now: int, inference: int) -> bytes:
    """Return the turn of one request; None if it needs `RequestDetails`.

    At low load every request takes this path, so it makes no list and few calls.
    """
    exchange, question = pending.exchange, pending.question
    inputs, scores, headers = pending.inputs, pending.scores, exchange.headers
    if (
        question is None
        or question.form not in _USUAL_FORMS
        or question.subjects is not None
        or question.context is not None
        or pending.reasons is not None
        or _SHADOW in headers
        or _CANARY in headers
        or not scores
        or len(scores) % (4 * question.rows)
        or len(pending.prediction_id) != ID_SIZE
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
        pending.prediction_id.encode(),
        exchange.started,
        question.rows,
    )
    return head + inputs + scores + rest


def _render(batch: Sequence[PendingRequest], first: int, times: Times) -> bytes:
    started: list[int] = []
    rows: list[int] = []
    details: list[tuple[int, RequestDetails]] = []
    is_named = False
    # One loop with few calls, because it runs for every request.
    for pending in batch:
        exchange, question = pending.exchange, pending.question
        headers = exchange.headers
        if (
            question is None
            or question.form not in _USUAL_FORMS
            or question.subjects is not None
            or question.context is not None
            or pending.reasons is not None
            or _SHADOW in headers
            or _CANARY in headers
        ):
            details.append((len(rows), _details(pending)))
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


def _details(pending: PendingRequest) -> RequestDetails:
    exchange, question = pending.exchange, pending.question
    return RequestDetails(
        pending.status,
        question.subjects if question else None,
        pending.refusal.recorded if pending.refusal else "",
        b"" if pending.reasons is None else pending.reasons.tobytes(),
        _ENDPOINTS.get(exchange.target[:3], "infer"),
        _SHADOW in exchange.headers,
        _CANARY in exchange.headers,
        question.context if question else pending.context,
        pending.refusal.asked if pending.refusal else 0,
        pending.refusal.faults if pending.refusal else (),
    )
