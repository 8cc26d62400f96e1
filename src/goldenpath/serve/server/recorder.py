"""What is written down of each answer, before it is sent."""

from collections.abc import Mapping, Sequence
from time import monotonic_ns, time_ns
from typing import Literal

from goldenpath.serve.protocol.inputs import Refusal
from goldenpath.serve.record.spool import SpoolWriter
from goldenpath.serve.record.spool_format import Answered
from goldenpath.serve.server.answers import Answers, PendingRequest

OnLoss = Literal["serve", "refuse"]
"""What happens to requests that cannot be written down: answered and counted, or refused."""

_DOORS: Mapping[bytes, Literal["predict", "call"]] = {b"/v1": "predict", b"/in": "call"}
"""By the beginning of a target that asks for predictions."""
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
        records = self._records(batch, inference)
        if self._spool.append(records):
            self._sequence += len(records)
        elif self.on_loss == "serve":
            self._spool.lose(records)
            self._sequence += len(records)
        else:
            # Nothing is answered, so no sequence number is used up and nothing is missing.
            for asked in batch:
                asked.refusal, asked.values = _UNRECORDED, None
                answers.render(asked)

    def _records(self, batch: Sequence[PendingRequest], inference: int) -> list[Answered]:
        now, offset = monotonic_ns(), time_ns() - monotonic_ns()
        records = []
        # One loop without calls: this is done for every request there is.
        for number, asked in enumerate(batch, self._sequence):
            exchange, question = asked.exchange, asked.question
            started, trace = exchange.started, exchange.headers.get(b"traceparent")
            record = Answered(
                asked.prediction_id,
                number,
                started + offset,
                now - started,
                inference if question else 0,
                asked.status,
                question.rows if question else 0,
                asked.inputs,
                asked.scores,
                question.subjects if question else None,
                exchange.caller,
                trace.decode("latin-1")[:128] if trace else "",
                asked.refusal.note if asked.refusal else "",
                b"" if asked.reasons is None else asked.reasons.tobytes(),
                _DOORS.get(exchange.target[:3], "infer"),
                b"x-goldenpath-shadow" in exchange.headers,
                b"x-goldenpath-canary" in exchange.headers,
                question.said if question else asked.said,
            )
            records.append(record)
        return records
