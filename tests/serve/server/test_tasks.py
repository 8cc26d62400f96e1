"""A server of each task: what it answers in every form, what it records, and what it refuses."""

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import msgspec
import numpy as np
import pytest

from goldenpath.project.spec import (
    Band,
    ClassOutcome,
    Contract,
    DecisionPolicy,
    Feature,
    ValueRange,
)
from goldenpath.serve.model.model import Rows, Scores
from goldenpath.serve.protocol import grpc_messages, inference_service
from tests.serve.running import CONTRACT, Running, records, run, running

FEATURES = (
    Feature("amount", "number", minimum=-1000, maximum=1000),
    Feature("place", "category", categories=("100500010000000001", "100500010000000002")),
)
CLASSES = replace(
    CONTRACT, features=FEATURES, decision=None, task="classes", classes=("a", "b", "c")
)
POLICY = DecisionPolicy(
    classes=(ClassOutcome("a", "go", 0.6), ClassOutcome("b", "stop")), fallback="desk"
)
VALUE = replace(
    CONTRACT, features=FEATURES, decision=None, task="value", value=ValueRange("EUR", -5.0, 500.0)
)
BANDS = DecisionPolicy((Band("low", 100, "cheap"), Band("high", 501, "dear")), "underwriter")
INFER, PREDICT = "/v2/models/credit/infer", "/v1/models/credit/predict"
PLACE = FEATURES[1].texts


class Echo:
    """Gives the amount as the value, or probabilities that follow from it."""

    def __init__(self, contract: Contract) -> None:
        self._has_classes = bool(contract.classes)

    def predict(self, rows: Rows) -> Scores:
        """The answers."""
        if not self._has_classes:
            return np.ascontiguousarray(rows[:, 0])
        share = rows[:, :1] / np.float32(1000)
        return np.hstack([share, (1 - share) * 0.75, (1 - share) * 0.25]).astype(np.float32)


def rows(*amounts: float, place: object = PLACE[0]) -> dict[str, object]:
    return {"rows": [{"amount": amount, "place": place} for amount in amounts]}


def tensors(*amounts: float) -> dict[str, object]:
    size = [len(amounts)]
    texts = {"name": "place", "shape": size, "datatype": "BYTES", "data": [PLACE[1]] * size[0]}
    numbers = {"name": "amount", "shape": size, "datatype": "FP32", "data": list(amounts)}
    return {"inputs": [numbers, texts]}


def items(answer: dict[str, object], name: str) -> list[dict[str, object]]:
    """Return a list of objects in an answer."""
    return msgspec.convert(answer[name], list[dict[str, object]])


async def _agrees(server: Running, schema: str, content: object) -> None:
    document = (await server.ask("/openapi.json")).json()
    reference = {"$ref": f"#/components/schemas/{schema}", **document}
    jsonschema.Draft202012Validator(reference).validate(content)


def test_classes_are_answered_with_a_probability_for_each(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path, Echo(CLASSES), contract=CLASSES) as server:
            answer = (await server.ask(INFER, tensors(800, 200))).json()
            (output,) = items(answer, "outputs")
            assert output["shape"] == [2, 3]
            assert output["data"] == pytest.approx([0.8, 0.15, 0.05, 0.2, 0.6, 0.2])
            await _agrees(server, "InferAnswer", answer)
            decided = (await server.ask(PREDICT, rows(800, 200))).json()
            await _agrees(server, "TabularAnswer", decided)
            first, second = items(decided, "decisions")
            assert (first["class"], first["outcome"], second["class"]) == ("a", "a", "b")
            assert first["score"] == pytest.approx(0.8)
            assert msgspec.convert(first["probabilities"], dict[str, float])["b"] == (
                pytest.approx(0.15)
            )
            about = (await server.ask("/v2/models/credit")).json()
            assert items(about, "outputs")[0]["shape"] == [-1, 3]
            further = msgspec.convert(about["goldenpath"], dict[str, object])
            assert further["classes"] == ["a", "b", "c"]

    run(main)
    for record in records(tmp_path / "spool"):
        numbers = np.frombuffer(record.scores, "<f4").reshape(record.rows, -1)
        assert numbers.shape == (2, 3)
        assert numbers[0, 0] == np.float32(0.8)


def test_classes_come_in_binary_and_over_grpc_too(tmp_path: Path) -> None:
    binary = {**tensors(800), "parameters": {"binary_data_output": True}}
    contents = [
        {"name": "amount", "shape": [1], "datatype": "FP32", "contents": {"fp32_contents": [800]}},
        {
            "name": "place",
            "shape": [1],
            "datatype": "BYTES",
            "contents": {"bytes_contents": [PLACE[0].encode()]},
        },
    ]
    message = grpc_messages.render(
        "ModelInferRequest", {"model_name": "credit", "inputs": contents}
    )

    async def main() -> None:
        async with running(tmp_path, Echo(CLASSES), contract=CLASSES) as server:
            answer = await server.ask(INFER, binary)
            head = int(answer.headers["inference-header-content-length"])
            (output,) = json.loads(answer.body[:head])["outputs"]
            assert output["shape"] == [1, 3]
            raw = np.frombuffer(answer.body[head:], "<f4")
            assert raw == pytest.approx([0.8, 0.15, 0.05])
            kind = {"content_type": inference_service.MEDIA_TYPE}
            target = inference_service.PREFIX + inference_service.INFER
            reply = await server.ask(target, message, **kind)
            assert reply.status == 200
            assert np.array([0.8], "<f4").tobytes() in reply.body

    run(main)


def test_a_class_leads_to_the_outcome_that_the_bank_named(tmp_path: Path) -> None:
    contract = replace(CLASSES, decision=POLICY)

    async def main() -> None:
        async with running(tmp_path, Echo(contract), contract=contract) as server:
            answer = (await server.ask(PREDICT, rows(800, 200, 500))).json()
            await _agrees(server, "TabularAnswer", answer)
            decisions = items(answer, "decisions")
            assert [each["outcome"] for each in decisions] == ["go", "stop", "desk"]
            assert [each.get("fallback", False) for each in decisions][2]

    run(main)
    assert [record.refusal for record in records(tmp_path / "spool")] == [""]


def test_a_value_has_its_unit_and_its_bounds(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path, Echo(VALUE), contract=VALUE) as server:
            answer = (await server.ask(PREDICT, rows(123.5))).json()
            await _agrees(server, "TabularAnswer", answer)
            (decision,) = items(answer, "decisions")
            assert (decision["score"], decision["unit"]) == (123.5, "EUR")
            assert (decision["band"], decision["outcome"]) == (None, None)
            for target, body in ((INFER, tensors(10, 501)), (PREDICT, rows(10, -6))):
                refused = await server.ask(target, body)
                assert refused.status == 500
                assert refused.error == "the model gave no value from -5 to 500 EUR"

    run(main)


def test_a_value_without_bounds_gets_the_fallback_of_the_policy(tmp_path: Path) -> None:
    contract = replace(VALUE, decision=BANDS)

    async def main() -> None:
        async with running(tmp_path, Echo(contract), contract=contract) as server:
            answer = (await server.ask(PREDICT, rows(50, 400, 900))).json()
            await _agrees(server, "TabularAnswer", answer)
            decisions = items(answer, "decisions")
            outcomes = [(each["band"], each["outcome"]) for each in decisions]
            assert outcomes == [("low", "cheap"), ("high", "dear"), (None, "underwriter")]

    run(main)
    (record,) = records(tmp_path / "spool")
    assert "fallback" in record.refusal


@pytest.mark.parametrize("place", [PLACE[1], int(PLACE[1])])
def test_codes_of_eighteen_digits_come_as_texts_or_as_numbers(
    tmp_path: Path, place: object
) -> None:
    async def main() -> None:
        async with running(tmp_path, Echo(VALUE), contract=VALUE) as server:
            assert (await server.ask(PREDICT, rows(1, place=place))).status == 200
            for other in (int(PLACE[1]) + 1, "100500010000000003", 1, 0.5, "1.0050001e17"):
                refused = await server.ask(PREDICT, rows(1, place=other))
                assert refused.status == 422, other
                assert f"row 0, column place: expected one of {PLACE[0]}, {PLACE[1]}" in (
                    refused.error
                )

    run(main)
    answered = [record for record in records(tmp_path / "spool") if record.rows]
    assert [np.frombuffer(record.inputs, "<f4")[1] for record in answered] == [1.0]
