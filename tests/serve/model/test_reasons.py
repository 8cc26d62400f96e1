"""Decisions with their reasons, where the model gives some."""

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from goldenpath.drift.reference_profile import build_profile
from goldenpath.errors import GoldenPathError, InvalidInput
from goldenpath.observe.log.records import Block, names, to_table
from goldenpath.observe.log.release_rules import Facts
from goldenpath.observe.log.subject_keys import Subject
from goldenpath.project.spec import PythonModel as PythonEntry
from goldenpath.project.spec import Reason, ReasonPolicy
from goldenpath.serve.model.model import OnnxModel
from goldenpath.serve.model.supervised_worker import SupervisedModel, terms_of
from goldenpath.serve.protocol import grpc_messages, inference_service
from goldenpath.serve.record.spool_format import SpoolHeader
from goldenpath.serve.record.spool_reader import read
from tests.serve.model.test_worker import place
from tests.serve.onnx_graph import logistic_regression
from tests.serve.running import CONTRACT, INFER, WEIGHTS, expected, question, run, running

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


ROW = [1000.0, 40.0, 2.0, 1.0]
WEIGHED = [float(weight) for weight in np.array(ROW, np.float32) * WEIGHTS]
WISHES: dict[str, tuple[dict[str, object], list[str], int]] = {
    "nothing is said": ({}, ["probability", "reasons"], 0),
    "all in binary": (
        {"parameters": {"binary_data_output": True}},
        ["probability", "reasons"],
        4 + 16,
    ),
    "one of them": ({"outputs": [{"name": "reasons"}]}, ["reasons"], 0),
    "the other": ({"outputs": [{"name": "probability"}]}, ["probability"], 0),
    "in another order, one in binary": (
        {
            "outputs": [
                {"name": "reasons", "parameters": {"binary_data": True}},
                {"name": "probability"},
            ]
        },
        ["reasons", "probability"],
        16,
    ),
    "all in binary but one": (
        {
            "parameters": {"binary_data_output": True},
            "outputs": [
                {"name": "probability"},
                {"name": "reasons", "parameters": {"binary_data": False}},
            ],
        },
        ["probability", "reasons"],
        4,
    ),
}


@pytest.mark.parametrize("wish", WISHES)
def test_weights_are_a_second_output_in_the_form_that_is_wanted(tmp_path: Path, wish: str) -> None:
    asked, names, size = WISHES[wish]

    async def main() -> None:
        async with running(tmp_path, _model(), contract=EXPLAINED) as server:
            answer = await server.ask(INFER, question(ROW, ROW, **asked))
            length = int(answer.headers.get("inference-header-content-length", len(answer.body)))
            head, raw = answer.body[:length], answer.body[length:]
            assert len(raw) == 2 * size
            outputs = json.loads(head)["outputs"]
            assert [each["name"] for each in outputs] == names
            for each in outputs:
                mine = each.get("parameters", {}).get("binary_data_size", 0)
                values = np.frombuffer(raw[:mine], "<f4").tolist() if mine else each["data"]
                raw = raw[mine:]
                right = WEIGHED if each["name"] == "reasons" else expected([ROW])
                assert values == pytest.approx(right * 2, abs=1e-6)
                assert each["shape"] == ([2, 4] if each["name"] == "reasons" else [2])
            assert not raw

    run(main)


@pytest.mark.parametrize("is_raw", [True, False])
@pytest.mark.parametrize("names", [(), ("reasons",), ("reasons", "probability")])
def test_weights_are_a_second_output_of_a_message(
    tmp_path: Path, names: tuple[str, ...], is_raw: bool
) -> None:
    values = np.array(ROW, "<f4")
    tensor: dict[str, object] = {"name": "features", "datatype": "FP32", "shape": [1, 4]}
    if not is_raw:
        tensor["contents"] = {"fp32_contents": ROW}
    fields: dict[str, object] = {
        "model_name": "credit",
        "inputs": [tensor],
        "outputs": [{"name": name} for name in names],
        "raw_input_contents": [values.tobytes()] if is_raw else [],
    }
    right = {"probability": expected([ROW]), "reasons": WEIGHED}

    async def main() -> None:
        async with running(tmp_path, _model(), contract=EXPLAINED) as server:
            body = grpc_messages.render("ModelInferRequest", fields)
            answer = grpc_messages.parse_answer(
                (await server.ask(inference_service.PREFIX + inference_service.INFER, body)).body
            )
            assert [each.name for each in answer.outputs] == list(names or right)
            for place, each in enumerate(answer.outputs):
                found = (
                    np.frombuffer(answer.raw_output_contents[place], "<f4").tolist()
                    if is_raw
                    else list(each.contents.fp32_contents)
                )
                assert found == pytest.approx(right[each.name], abs=1e-6)

    run(main)


CODE = """
import numpy as np

def load(files):
    weights = np.loadtxt(files / "weights.txt", dtype=np.float32)
    return lambda rows: (1 / (1 + np.exp(-(rows @ weights - 0.5))), rows * weights)
"""


def test_a_model_that_is_code_gives_its_weights_over_every_door(tmp_path: Path) -> None:
    contract = replace(EXPLAINED, python=PythonEntry("scoring:load"))
    message = grpc_messages.render(
        "ModelInferRequest",
        {
            "model_name": "credit",
            "inputs": [{"name": "features", "datatype": "FP32", "shape": [1, 4]}],
            "raw_input_contents": [np.array(ROW, "<f4").tobytes()],
        },
    )

    async def main() -> None:
        example = np.array([[1000, 40, 1, 0]], dtype=np.float32)
        model = SupervisedModel(place(tmp_path, CODE), terms_of(contract), example, print)
        await model.start()
        async with running(tmp_path, model, contract=contract) as server:
            told = json.loads((await server.ask("/v2/models/credit")).body)
            assert told["platform"] == "goldenpath_python"
            assert [each["name"] for each in told["outputs"]] == ["probability", "reasons"]
            binary: dict[str, object] = {"parameters": {"binary_data_output": True}}
            plain = await server.ask(INFER, question(ROW))
            raw = await server.ask(INFER, question(ROW, **binary))
            called = await server.ask(inference_service.PREFIX + inference_service.INFER, message)
            length = int(raw.headers["inference-header-content-length"])
            found = [
                [value for each in json.loads(plain.body)["outputs"] for value in each["data"]],
                np.frombuffer(raw.body[length:], "<f4").tolist(),
                np.frombuffer(
                    b"".join(grpc_messages.parse_answer(called.body).raw_output_contents), "<f4"
                ).tolist(),
            ]
            for values in found:
                assert values == pytest.approx([*expected([ROW]), *WEIGHED], abs=1e-5)

    run(main)


def test_outputs_that_do_not_exist_are_refused_and_those_that_do_are_in_the_metadata(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        async with running(tmp_path, _model(), contract=EXPLAINED) as server:
            twice = [{"name": "reasons"}, {"name": "reasons"}]
            answer = await server.ask(INFER, question(ROW, outputs=twice))
            assert answer.error == "output reasons is asked for 2 times"
            answer = await server.ask(INFER, question(ROW, outputs=[{"name": "why"}]))
            assert answer.error == (
                "output 'why' does not exist: expected 'probability' or 'reasons'"
            )
            document = (await server.ask("/openapi.json")).json()
            schema = {"$ref": "#/components/schemas/InferAnswer", **document}
            answer = await server.ask(INFER, question(ROW))
            jsonschema.Draft202012Validator(schema).validate(answer.json())
            told = json.loads((await server.ask("/v2/models/credit")).body)
            assert told["outputs"][1] == {"name": "reasons", "datatype": "FP32", "shape": [-1, 4]}
            assert told["goldenpath"]["reasons"] == ["R1", "R2", "R3", "R4"]

    run(main)


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
