"""Decisions with their reasons, where the model gives some."""

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from goldenpath.drift.profile import build_profile
from goldenpath.errors import GoldenPathError, InvalidInput
from goldenpath.observe.decide import Facts
from goldenpath.observe.records import Block, names, to_table
from goldenpath.observe.subjects import Subject
from goldenpath.project.spec import Reason, ReasonPolicy
from goldenpath.serve.model import OnnxModel
from goldenpath.serve.payload import SpoolHeader, read
from tests.serve.onnx_graph import logistic_regression
from tests.serve.running import CONTRACT, WEIGHTS, run, running

REASONS = ReasonPolicy(
    codes=(
        Reason("R1", "a high limit"),
        Reason("R2", "age"),
        Reason("R3", "payments came late"),
        Reason("R4", "what was paid"),
    ),
    most=2,
)
EXPLAINED = replace(CONTRACT, reasons=REASONS)
ROWS = [
    {"limit": 1000, "age": 40, "status": 2, "paid": 1},
    {"limit": 1000, "age": 18, "status": 0, "paid": 1},
    {"limit": 1000, "age": 40, "status": 2},
]


def _model() -> OnnxModel:
    return OnnxModel(logistic_regression(WEIGHTS, -0.5, reasons=True), EXPLAINED)


def test_the_weightiest_reasons_are_told_and_recorded(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path, _model(), contract=EXPLAINED) as server:
            answer = await server.ask("/v1/models/credit/predict", {"rows": ROWS})
            document = json.loads((await server.ask("/openapi.json")).body)
            schema = {"$ref": "#/components/schemas/TabularAnswer", **document}
            jsonschema.Draft202012Validator(schema).validate(answer.json())
            first, second, third = json.loads(answer.body)["decisions"]
            assert [reason["code"] for reason in first["reasons"]] == ["R3", "R2"]
            assert first["reasons"][0]["text"] == "payments came late"
            assert first["reasons"][0]["weight"] == pytest.approx(1.0)
            assert [reason["code"] for reason in second["reasons"]] == ["R2"]
            # Without a score the fallback answers, and nobody pretends to know why.
            assert third["fallback"] and "reasons" not in third

    run(main)
    frames, _ = read(next((tmp_path / "spool").iterdir()))
    header, answered = frames[0], frames[1]
    assert isinstance(header, SpoolHeader) and isinstance(answered, list)
    random = np.random.default_rng(1)
    sample = {feature.name: random.normal(size=100) for feature in EXPLAINED.features}
    facts = Facts(EXPLAINED, build_profile(EXPLAINED, sample, random.random(100)))
    block = Block.of(header, answered)
    table = to_table(block, facts, _keys(block), "2026-11-23")
    told = [[each["code"] for each in row or ()] for row in table["reasons"].to_pylist()]
    assert told == [["R3", "R2"], ["R2"], []]


def _keys(block: Block) -> dict[str, Subject]:
    """A key for everybody in the block."""
    return {name: Subject.of(bytes(32), bytes(32)) for name in names(block, "2026-11-23")}


def test_weights_that_do_not_fit_the_contract_are_no_answer() -> None:
    fewer = replace(EXPLAINED, reasons=replace(REASONS, codes=REASONS.codes[:2]))
    model = OnnxModel(logistic_regression(WEIGHTS, -0.5, reasons=True), fewer)

    with pytest.raises(GoldenPathError, match=r"weights of reasons of shape \(1, 4\)"):
        model.predict(np.ones((1, 4), np.float32))
    with pytest.raises(InvalidInput, match="expected 'reasons'"):
        OnnxModel(logistic_regression(WEIGHTS, -0.5), EXPLAINED)
