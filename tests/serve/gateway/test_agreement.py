"""Answers of two releases held against each other, in every form that an answer can have."""

import json

import numpy as np
import pytest

from goldenpath.http.messages.answer import Answer
from goldenpath.http.messages.exchange import Exchange
from goldenpath.http.messages.heads import END
from goldenpath.project.task.answer_rules import AnswerRules
from goldenpath.serve.gateway.agreement import agree
from goldenpath.serve.protocol.calls import Calls
from goldenpath.serve.protocol.open_inference import Form, Question
from goldenpath.serve.protocol.release_identity import ReleaseIdentity
from goldenpath.serve.server.answers import Answers, PendingRequest
from goldenpath.serve.server.batch_call import deal
from tests.serve.running import CONTRACT

RULES = AnswerRules(CONTRACT)

FORMS: list[Form] = ["json", "binary", "tabular", "contents", "raw"]


class _Connection:
    peer = ""

    def flush(self) -> None:
        """Nobody listens."""


def _said(form: Form, scores: list[float], slot: str) -> Answer:
    """What a server of this release answers, split as the gateway reads it."""
    identity = ReleaseIdentity("prod", "credit", slot, f"sha256:{slot * 64}", "one")
    exchange = Exchange(_Connection(), b"POST", b"", {}, b"", True, 0, "")
    asked = PendingRequest(
        exchange, Question([], len(scores), "", None, form), prediction_id="a" * 32
    )
    deal([asked], np.zeros((len(scores), 1), np.float32), np.array(scores, np.float32), RULES)
    Answers(identity, CONTRACT, Calls(identity, CONTRACT)).render(asked)
    assert exchange.answer is not None
    size = exchange.answer.index(END) + len(END)
    return Answer(int(exchange.answer.split(b" ", 2)[1]), exchange.answer, size, True)


@pytest.mark.parametrize("form", FORMS)
def test_answers_agree_by_value_whatever_says_who_gave_them(form: Form) -> None:
    live = _said(form, [0.25, 0.5], "a")

    assert agree(live, _said(form, [0.25, 0.5 + 5e-7], "b"))
    assert not agree(live, _said(form, [0.25, 0.5 + 1e-5], "b"))
    assert not agree(live, _said(form, [0.25], "b"))
    assert not agree(live, Answer(422, live.wire, live.size, True))


def test_a_nest_in_an_answer_is_only_compared_byte_by_byte() -> None:
    head = b"HTTP/1.1 200 OK\r\n\r\n"
    nest, other = (head + b'{"outputs": ' + b"[" * 10_000 + end for end in (b"1", b"2"))

    assert agree(Answer(200, nest, len(head), True), Answer(200, nest, len(head), True))
    assert not agree(Answer(200, nest, len(head), True), Answer(200, other, len(head), True))


@pytest.mark.parametrize("form", FORMS)
def test_an_answer_that_is_cut_off_agrees_only_with_itself(form: Form) -> None:
    live = _said(form, [0.25, 0.5], "a")
    broken = Answer(200, live.wire[:-3], live.size, True)

    assert not agree(live, broken)
    assert agree(broken, broken)


def test_what_only_one_release_gives_is_not_compared() -> None:
    def answer(*outputs: dict[str, object]) -> Answer:
        head = b"HTTP/1.1 200 OK" + END
        return Answer(200, head + json.dumps({"outputs": outputs}).encode(), len(head), True)

    score: dict[str, object] = {"name": "probability", "shape": [1], "data": [1]}
    near: dict[str, object] = {"name": "probability", "shape": [1], "data": [0.9999999]}
    reasons: dict[str, object] = {"name": "reasons", "shape": [1, 1], "data": [0.3]}

    assert agree(answer(score), answer(near, reasons))
    assert not agree(answer(score), answer(reasons))
