"""Vectors and times: what callers send, what the model gets, and what is refused."""

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from goldenpath.project.contract import parse_contract, render_contract
from goldenpath.project.spec import Contract, Feature
from goldenpath.project.task.feature_parts import declared_names, expanded, part_faults
from goldenpath.serve.model.model import Rows, Scores
from tests.serve.running import CONTRACT, records, run, running

DECLARED: list[dict[str, object]] = [
    {"name": "amount", "kind": "number", "minimum": 0.0, "maximum": 10.0},
    {"name": "face", "kind": "vector", "length": 3, "minimum": -1.0, "maximum": 1.0},
    {"name": "opened", "kind": "timestamp", "missing": True},
]
FEATURES = tuple(
    Feature(**part)  # type: ignore[arg-type]
    for one in DECLARED
    for part in expanded(one)
)
PARTS: Contract = replace(CONTRACT, features=FEATURES, decision=None)
INFER, PREDICT = "/v2/models/credit/infer", "/v1/models/credit/predict"
ROW = {"amount": 1.0, "face": [0.5, -0.25, 1.0], "opened": "2000-01-02T01:00:01+01:00"}
SEEN = [1.0, 0.5, -0.25, 1.0, 1.0, 1.0]


class Tenth:
    """Gives a tenth of the amount."""

    def predict(self, rows: Rows) -> Scores:
        """The answers."""
        return np.ascontiguousarray(rows[:, 0] / np.float32(10))


def tensors(**more: object) -> dict[str, object]:
    row = {**ROW, **more}
    kinds = {"amount": ("FP32", [1]), "face": ("FP32", [1, 3]), "opened": ("BYTES", [1])}
    return {
        "inputs": [
            {"name": name, "datatype": kind, "shape": shape,
             "data": row[name] if name == "face" else [row[name]]}
            for name, (kind, shape) in kinds.items()
        ]
    }  # fmt: skip


def test_a_declared_feature_is_its_parts_and_a_stored_contract_reads_back() -> None:
    names = [feature.name for feature in FEATURES]

    assert names == ["amount", "face_0", "face_1", "face_2", "opened_days", "opened_seconds"]
    assert declared_names(PARTS) == ["amount", "face", "opened"]
    assert parse_contract(render_contract(PARTS)) == PARTS
    assert b"part_of" not in render_contract(CONTRACT), "older contracts keep their digest"


@pytest.mark.parametrize(
    ("feature", "key"),
    [
        ({"name": "a", "kind": "vector"}, "length"),
        ({"name": "a", "kind": "number", "length": 3}, "length"),
        ({"name": "a", "kind": "timestamp", "minimum": 3}, "minimum"),
        ({"name": "a", "kind": "vector", "length": 2, "labels": ["x"]}, "labels"),
    ],
)
def test_what_does_not_fit_the_kind_is_a_fault(feature: dict[str, object], key: str) -> None:
    (fault,) = part_faults([feature])

    assert fault.key == f"contract.features[0].{key}"
    assert [*part_faults(DECLARED)] == []


def test_a_vector_and_a_time_come_as_one_value_each(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path, Tenth(), contract=PARTS) as server:
            schema = (await server.ask("/openapi.json")).json()
            row = {"$ref": "#/components/schemas/Row", **schema}
            jsonschema.Draft202012Validator(row).validate(ROW)
            for target, body in ((PREDICT, {"rows": [ROW]}), (INFER, tensors())):
                answer = await server.ask(target, body)
                assert answer.status == 200, answer.body
            missing = await server.ask(PREDICT, {"rows": [{**ROW, "opened": None}]})
            assert missing.status == 200
            whole = {"name": "features", "shape": [1, 6], "datatype": "FP32", "data": SEEN}
            assert (await server.ask(INFER, {"inputs": [whole]})).status == 200

    run(main)
    first, second, gap, third = records(tmp_path / "spool")
    for record in (first, second, third):
        assert np.frombuffer(record.inputs, "<f4").tolist() == SEEN
    assert np.isnan(np.frombuffer(gap.inputs, "<f4")[4:]).all()


WRONG = [
    ({"face": [0.5, 1.0]}, "3 numbers"),
    ({"face": [0.5, 1.0, 0.1, 0.2]}, "3 numbers"),
    ({"face": 0.5}, "list of 3 numbers"),
    ({"face": [0.5, 2.0, 0.1]}, "face_1"),
    ({"face": [0.5, None, 0.1]}, "face_1"),
    ({"face": None}, "face_0"),
    ({"amount": [1.0]}, "one value"),
    ({"opened": "2000-01-02"}, "whole seconds"),
    ({"opened": "2000-01-02T01:00:01"}, "offset"),
    ({"opened": "2000-01-02T01:00:01.5Z"}, "whole seconds"),
    ({"opened": "yesterday"}, "yesterday"),
    ({"opened": 12.0}, "12.0"),
    ({"opened": "1800-01-02T01:00:01Z"}, "opened_days"),
]


@pytest.mark.parametrize(("change", "word"), WRONG, ids=[json.dumps(each[0]) for each in WRONG])
def test_other_values_are_refused_with_row_column_and_what_is_allowed(
    tmp_path: Path, change: dict[str, object], word: str
) -> None:
    async def main() -> None:
        async with running(tmp_path, Tenth(), contract=PARTS) as server:
            answer = await server.ask(PREDICT, {"rows": [ROW, {**ROW, **change}]})
            assert answer.status == 422, answer.body
            assert "row 1, column" in answer.error
            assert word in answer.error

    run(main)


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("face", {"shape": [1, 2], "data": [0.1, 0.2]}),
        ("face", {"shape": [3]}),
        ("face", {"data": [0.1, 0.2]}),
        ("opened", {"datatype": "FP32", "data": [1.0]}),
        ("opened", {"data": []}),
        ("opened", {"name": "opened_days"}),
        ("amount", {"name": "other"}),
    ],
)
def test_tensors_of_another_form_are_refused(
    tmp_path: Path, name: str, more: dict[str, object]
) -> None:
    body = tensors()
    inputs = body["inputs"]
    assert isinstance(inputs, list)
    body["inputs"] = [{**one, **more} if one["name"] == name else one for one in inputs]

    async def main() -> None:
        async with running(tmp_path, Tenth(), contract=PARTS) as server:
            answer = await server.ask(INFER, body)
            assert answer.status == 400, answer.body

    run(main)
