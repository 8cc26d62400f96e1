"""The answers of one release as wire bytes."""

from collections.abc import Iterator

import msgspec
import numpy as np

from goldenpath.http.messages.exchange import Exchange
from goldenpath.http.messages.writer import render
from goldenpath.instruments import HEADER_PREDICTION, HEADER_RELEASE, HEADER_SLOT
from goldenpath.project.number_text import number_text
from goldenpath.project.spec import Contract
from goldenpath.project.task.answer_rules import AnswerRules
from goldenpath.serve.model.model import Scores
from goldenpath.serve.protocol import inference_service
from goldenpath.serve.protocol.calls import Calls
from goldenpath.serve.protocol.decision import Decider
from goldenpath.serve.protocol.inputs import Refusal
from goldenpath.serve.protocol.open_inference import Output, Question, Writer
from goldenpath.serve.protocol.release_identity import ReleaseIdentity, outputs_of
from goldenpath.serve.protocol.request_context import RequestContext
from goldenpath.serve.protocol.tabular import TabularAnswer


class PendingRequest(msgspec.Struct, eq=False):
    """A question with its answer so far. Bytes are little-endian 32-bit floats."""

    exchange: Exchange
    question: Question | None
    refusal: Refusal | None = None
    prediction_id: str = ""
    inputs: bytes = b""
    scores: bytes = b""
    values: list[float] | None = None
    """The scores as numbers, row after row."""
    has_scores: bool = False
    """Whether they are an answer for each row."""
    reasons: Scores | None = None
    """Weights, shape `(rows, codes)`, of a model that gives reasons."""
    status: int = 200
    context: RequestContext | None = None
    """The context of a request that was read and refused."""

    @property
    def rows(self) -> int:
        """Number of requested rows."""
        return self.question.rows if self.question else 0

    @property
    def note(self) -> str:
        """Text in the record of a request without a regular answer."""
        return self.refusal.note if self.refusal else ""


_JSON = b"\r\ncontent-type: application/json"
_MESSAGE = b"\r\ncontent-type: " + inference_service.MEDIA_TYPE.encode("ascii")
_BINARY = b"\r\ncontent-type: application/octet-stream\r\ninference-header-content-length: %d"

NO_SCORE = "the model gave no score in [0, 1]"


def _no_answer(contract: Contract) -> str:
    value = contract.value
    if value is not None:
        low, high = number_text(value.minimum), number_text(value.maximum)
        return f"the model gave no value from {low} to {high} {value.unit}"
    return "the model gave no probabilities of its classes" if contract.classes else NO_SCORE


class Answers:
    """A renderer of answers; constant parts are rendered once."""

    def __init__(self, identity: ReleaseIdentity, contract: Contract, calls: Calls) -> None:
        self._identity = identity
        self._calls = calls
        self.rules = AnswerRules(contract)
        self._decider = Decider(contract)
        self._has_policy = contract.decision is not None
        self._no_answer = _no_answer(contract)
        self._writer = Writer(
            model=identity.model,
            version=identity.digest,
            slot=identity.slot,
            output=contract.output_tensor,
        )
        self._names = outputs_of(contract)
        self._start = (
            f"HTTP/1.1 200 OK\r\n{HEADER_RELEASE}: {identity.digest}\r\n"
            f"{HEADER_SLOT}: {identity.slot}\r\n{HEADER_PREDICTION}: "
        ).encode("ascii")

    def render(self, pending: PendingRequest) -> None:
        """Put the answer into the exchange."""
        question, values = pending.question, pending.values
        if pending.refusal is None and values is None:
            raise ValueError("a question without an answer and without a refusal")
        if question is not None and values is not None:
            if question.form == "tabular" and (pending.has_scores or self._has_policy):
                self._tabular(pending, question)
                return
            if pending.has_scores:
                self._infer(pending, question, values)
                return
            pending.refusal = Refusal(500, self._no_answer, self._no_answer)
        self._refusal(pending)

    def _infer(self, pending: PendingRequest, question: Question, values: list[float]) -> None:
        exchange, name = pending.exchange, pending.prediction_id.encode("ascii")
        is_several = pending.reasons is not None or self.rules.width > 1
        if question.form == "json" and not is_several:
            body, more = self._writer.json(name, question.id, values), _JSON
        elif question.form != "binary" or is_several:
            body, more = self._several(pending, question, values)
        else:
            scores = np.frombuffer(pending.scores, dtype="<f4")
            head, raw = self._writer.binary(name, question.id, scores)
            body, more = head + raw, _BINARY % len(head)
        if not exchange.keep_alive:
            more += b"\r\nconnection: close"
        exchange.answer = b"%b%b%b\r\ncontent-length: %d\r\n\r\n%b" % (
            self._start,
            name,
            more,
            len(body),
            body,
        )

    def _several(
        self, pending: PendingRequest, question: Question, values: list[float]
    ) -> tuple[bytes, bytes]:
        """Return the requested outputs for REST or gRPC: the body and the headers of its form."""
        there = {output.name: output for output in self._outputs(pending, values)}
        usual = tuple((name, question.form == "binary") for name in there)
        requested = [(there[name], is_binary) for name, is_binary in question.outputs or usual]
        if question.form in ("contents", "raw"):
            outputs = [output for output, _ in requested]
            return self._calls.render(pending.prediction_id, question, outputs), _MESSAGE
        name = pending.prediction_id.encode("ascii")
        head, raw = self._writer.several(name, question.id, requested)
        return head + raw, _BINARY % len(head) if question.form == "binary" else _JSON

    def _outputs(self, pending: PendingRequest, values: list[float]) -> Iterator[Output]:
        width = self.rules.width
        shape = [len(values)] if width == 1 else [len(values) // width, width]
        yield Output(self._names[0], shape, values, pending.scores)
        if pending.reasons is not None:
            weights = pending.reasons.astype("<f4")
            shape, flat = list(weights.shape), weights.ravel().tolist()
            yield Output(self._names[1], shape, flat, weights.tobytes())

    def _tabular(self, pending: PendingRequest, question: Question) -> None:
        identity = self._identity
        numbers = np.frombuffer(pending.scores, dtype="<f4").reshape(-1, self.rules.width)
        decisions = list(self._decider.decide(pending.prediction_id, numbers, pending.reasons))
        if not pending.has_scores:
            pending.refusal = Refusal(200, self._no_answer, f"fallback: {self._no_answer}")
        body = TabularAnswer(
            identity.model,
            identity.digest,
            identity.slot,
            pending.prediction_id,
            question.id or pending.prediction_id,
            decisions,
        )
        self._send(pending, 200, msgspec.json.encode(body))

    def _refusal(self, pending: PendingRequest) -> None:
        refusal = pending.refusal
        if refusal is None:
            return
        pending.status, pending.inputs, pending.scores = refusal.status, b"", b""
        if pending.question is not None:
            pending.context = pending.question.context
        pending.values, pending.question, pending.reasons = None, None, None
        self._send(pending, refusal.status, msgspec.json.encode({"error": refusal.message}))

    def _send(self, pending: PendingRequest, status: int, body: bytes) -> None:
        headers = {
            HEADER_RELEASE: self._identity.digest,
            HEADER_SLOT: self._identity.slot,
            HEADER_PREDICTION: pending.prediction_id,
        }
        if status == 503:
            headers["retry-after"] = "1"
        exchange = pending.exchange
        exchange.answer = render(status, body, headers=headers, keep_alive=exchange.keep_alive)
