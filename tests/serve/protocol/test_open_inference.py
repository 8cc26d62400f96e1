"""Conformance with the Open Inference Protocol v2 and its binary tensor extension."""

import json
from pathlib import Path

import numpy as np
import pytest

from goldenpath.serve.model.model import Model
from tests.serve.running import (
    IDENTITY,
    INFER,
    ROW,
    expected,
    linear_model,
    onnx_model,
    question,
    records,
    run,
    running,
)

OTHER = [900_000.0, 25.0, 2.0, -3.5]


@pytest.mark.parametrize("model", [onnx_model(), linear_model()], ids=["onnx", "linear"])
def test_an_inference_answers_with_scores_and_says_who_answered(
    tmp_path: Path, model: Model
) -> None:
    async def main() -> None:
        async with running(tmp_path, model) as server:
            answer = await server.ask(INFER, question(ROW, OTHER, id="mine"))

            assert answer.status == 200
            value = answer.json()
            assert value["model_name"] == "credit"
            assert value["model_version"] == IDENTITY.digest
            assert value["id"] == "mine"
            output = json.loads(answer.body)["outputs"][0]
            assert (output["name"], output["datatype"], output["shape"]) == (
                "probability",
                "FP32",
                [2],
            )
            assert output["data"] == pytest.approx(expected([ROW, OTHER]), abs=1e-6)
            parameters = json.loads(answer.body)["parameters"]
            assert parameters == {
                "release": answer.headers["x-goldenpath-release"],
                "slot": answer.headers["x-goldenpath-slot"],
                "prediction_id": answer.headers["x-goldenpath-prediction-id"],
            }
            assert parameters["release"] == IDENTITY.digest

    run(main)


def test_an_id_is_made_where_none_is_given(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as server:
            answer = await server.ask(INFER, question(ROW))
            assert answer.json()["id"] == answer.headers["x-goldenpath-prediction-id"]

    run(main)


def test_health_and_metadata_are_pages(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as server:
            assert (await server.ask("/v2/health/live")).json() == {"live": True}
            assert (await server.ask("/v2/health/ready")).json() == {"ready": True, "live": True}
            assert (await server.ask("/v2")).json()["extensions"] == ["binary_tensor_data"]
            metadata = (await server.ask("/v2/models/credit")).json()
            assert metadata["inputs"] == [
                {"name": "features", "datatype": "FP32", "shape": [-1, 4]}
            ]
            assert metadata["outputs"] == [
                {"name": "probability", "datatype": "FP32", "shape": [-1]}
            ]
            version = f"/v2/models/credit/versions/{IDENTITY.slot}"
            assert (await server.ask(f"{version}/ready")).json()["ready"] is True
            assert (await server.ask(f"{version}/infer", question(ROW))).status == 200
            assert (await server.ask("/v2/models/other")).status == 404
            assert (await server.ask("/v2/models/other/infer", question(ROW))).status == 404
            assert (await server.ask(INFER)).status == 405
            assert "error" in (await server.ask("/v2/models/other")).json()

    run(main)


@pytest.mark.parametrize("datatype", ["FP32", "FP64", "INT32", "INT64"])
def test_tensors_come_flat_nested_by_name_and_in_every_number_type(
    tmp_path: Path, datatype: str
) -> None:
    row, other = [50_000, 40, 1, 100], [900_000, 25, 2, -3]
    names = ["paid", "limit", "status", "age"]
    columns = {"limit": 0, "age": 1, "status": 2, "paid": 3}
    shapes = [[2], [2, 1]]
    whole: list[object] = [
        {"inputs": [{"name": "features", "shape": [2, 4], "datatype": datatype, "data": data}]}
        for data in ([*row, *other], [row, other])
    ]
    by_name: list[object] = [
        {
            "inputs": [
                {
                    "name": name,
                    "shape": shape,
                    "datatype": datatype,
                    "data": [row[columns[name]], other[columns[name]]],
                }
                for name in names
            ]
        }
        for shape in shapes
    ]

    async def main() -> None:
        async with running(tmp_path) as server:
            for body in [*whole, *by_name]:
                answer = await server.ask(INFER, body)
                assert answer.status == 200, answer.body
                scores = json.loads(answer.body)["outputs"][0]["data"]
                assert scores == pytest.approx(
                    expected([[float(v) for v in row], [float(v) for v in other]]), abs=1e-6
                )

    run(main)


def test_tensors_go_as_bytes_both_ways(tmp_path: Path) -> None:
    rows = np.array([ROW, OTHER], dtype="<f4")
    raw = rows.tobytes()
    tensor = {
        "name": "features",
        "shape": [2, 4],
        "datatype": "FP32",
        "parameters": {"binary_data_size": len(raw)},
    }
    wishes: list[dict[str, object]] = [
        {"parameters": {"binary_data_output": True}},
        {"outputs": [{"name": "probability", "parameters": {"binary_data": True}}]},
    ]

    async def main() -> None:
        async with running(tmp_path) as server:
            for wish in wishes:
                head = json.dumps({"inputs": [tensor], **wish}).encode()
                answer = await server.ask(
                    INFER,
                    head + raw,
                    inference_header_content_length=str(len(head)),
                    content_type="application/octet-stream",
                )
                assert answer.status == 200, answer.body
                length = int(answer.headers["inference-header-content-length"])
                output = json.loads(answer.body[:length])["outputs"][0]
                assert output["parameters"]["binary_data_size"] == 8
                scores = np.frombuffer(answer.body[length:], dtype="<f4")
                assert scores.tolist() == pytest.approx(expected([ROW, OTHER]), abs=1e-6)

    run(main)


def test_missing_values_are_null_and_only_where_the_contract_has_them(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as server:
            body = question(ROW)
            inputs = body["inputs"]
            assert isinstance(inputs, list)
            inputs[0]["data"] = [50_000.0, 40.0, 1.0, None]
            # The model multiplies by NaN: it has no score, and says so instead of inventing one.
            assert (await server.ask(INFER, body)).status == 500
            inputs[0]["data"] = [None, 40.0, 1.0, 1.0]
            answer = await server.ask(INFER, body)
            assert answer.status == 422
            assert answer.error == "row 0, column limit: expected 0 to 1e+06, got nothing"

    run(main)


def test_a_refusal_says_column_row_and_reason_and_is_recorded_without_the_value(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        async with running(tmp_path) as server:
            answer = await server.ask(INFER, question(ROW, [1.0, 7.0, 9.0, 0.0]))
            assert answer.status == 422
            assert answer.error == (
                "row 1, column age: expected 18 to 100, got 7; "
                "row 1, column status: expected one of 0, 1, 2, got 9"
            )

    run(main)
    (record,) = records(tmp_path / "spool")
    assert (record.status, record.rows, record.inputs) == (422, 0, b"")
    assert record.refusal.startswith(
        "out of range and unknown code: row 1, column age: expected 18 to 100; "
    )
    assert "got" not in record.refusal


def test_a_prediction_is_recorded_with_subject_and_trace(tmp_path: Path) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    given = "0123456789abcdef" * 2

    async def main() -> None:
        async with running(tmp_path) as server:
            body = question(ROW, OTHER, parameters={"subjects": ["p-1", "p-2"]})
            answer = await server.ask(
                INFER, body, traceparent=trace, x_goldenpath_prediction_id=given
            )
            assert answer.headers["x-goldenpath-prediction-id"] == given

    run(main)
    (record,) = records(tmp_path / "spool")
    assert (record.prediction_id, record.sequence, record.rows) == (given, 0, 2)
    assert record.subjects == ["p-1", "p-2"]
    assert record.traceparent == trace
    assert np.frombuffer(record.inputs, "<f4").tolist() == [*ROW, *OTHER]
    assert np.frombuffer(record.scores, "<f4").tolist() == pytest.approx(expected([ROW, OTHER]))
    assert record.duration > 0


def test_the_tabular_form_answers_with_decisions(tmp_path: Path) -> None:
    rows = [
        {"limit": 900_000, "age": 20, "status": 0, "paid": 1},
        {"limit": 0, "age": 100, "status": 2, "paid": 1},
        {"limit": 0, "age": 100, "status": 2},
    ]

    async def main() -> None:
        async with running(tmp_path) as server:
            answer = await server.ask("/v1/models/credit/predict", {"rows": rows, "id": "x"})
            assert answer.status == 200, answer.body
            value = json.loads(answer.body)
            name = answer.headers["x-goldenpath-prediction-id"]
            first, second, third = value["decisions"]
            assert (first["id"], first["band"], first["outcome"]) == (f"{name}-0", "low", "accept")
            assert (second["band"], second["outcome"]) == ("high", "decline")
            # The model has no score for a row with a missing value: the policy's fallback answers.
            assert third == {
                "id": f"{name}-2",
                "score": None,
                "band": None,
                "outcome": "refer",
                "fallback": True,
            }
            wrong = await server.ask("/v1/models/credit/predict", {"rows": [{"agee": 1}]})
            assert wrong.status == 400
            assert wrong.error == "row 0 has columns that the contract does not: agee"

    run(main)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shape": [1, 3]}, "has the shape [1, 3]: expected [n, 4]"),
        ({"shape": [0, 4], "data": []}, "has the shape [0, 4]"),
        ({"shape": [2, 4]}, "has 4 values: expected 8"),
        ({"datatype": "BYTES"}, "has the datatype 'BYTES': expected one of FP16, FP32"),
        ({"data": ["a", 1, 1, 1]}, "holds a str: expected numbers"),
        ({"data": [[[1, 1, 1, 1]]]}, "is nested deeper than its shape says"),
        ({"data": [1e300, 40, 1, 1]}, "column limit"),
        ({"data": [10**400, 40, 1, 1]}, "number"),
        ({"data": [10**4000, 40, None, 1]}, "number"),
        ({"shape": [10**30, 4]}, "shape"),
        ({"shape": ["a", 4]}, "Expected `int`, got `str`"),
        ({"name": "other"}, "unknown: other; absent: limit, age, status, paid"),
        ({"parameters": {"binary_data_size": 16}, "data": None}, "ends after the body"),
    ],
)
def test_what_is_wrong_with_a_tensor_is_named(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    async def main() -> None:
        async with running(tmp_path, spooling=False) as server:
            body = question(ROW)
            inputs = body["inputs"]
            assert isinstance(inputs, list)
            inputs[0].update(change)
            answer = await server.ask(INFER, body)
            assert answer.status in (400, 422)
            assert message in answer.error

    run(main)
