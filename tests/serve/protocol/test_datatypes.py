"""Every datatype of the protocol, as JSON, in binary and in messages: one set of rules for all."""

import json
import struct
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from numpy.typing import NDArray

from goldenpath.serve.protocol import grpc_messages, inference_service
from tests.serve.running import CONTRACT, INFER, Running, expected, records, run, running

LABELS = ("single", "married", "zusammenlebend, ü")
LABELLED = replace(
    CONTRACT,
    features=(*CONTRACT.features[:2], replace(CONTRACT.features[2], labels=LABELS),
              CONTRACT.features[3]),
)  # fmt: skip
NUMBERS = {"limit": [2.0, 1.0], "age": [40.0, 20.0], "paid": [1.0, 0.0]}
RIGHT = expected([[2.0, 40.0, 2.0, 1.0], [1.0, 20.0, 0.0, 0.0]])
PREDICT = "/v1/models/credit/predict"


def _texts(*texts: str | bytes) -> bytes:
    raw = [text.encode() if isinstance(text, str) else text for text in texts]
    return b"".join(struct.pack("<I", len(text)) + text for text in raw)


def _tensors(**more: dict[str, object]) -> list[dict[str, object]]:
    """One tensor a feature: those of `more` as they are, the others plain numbers."""
    plain: dict[str, dict[str, object]] = {
        name: {"datatype": "FP32", "data": values} for name, values in NUMBERS.items()
    }
    return [{"name": n, "shape": [2], **given} for n, given in (plain | more).items()]


async def _scores(
    server: Running, inputs: list[dict[str, object]], raw: bytes = b""
) -> list[float]:
    head = json.dumps({"inputs": inputs}).encode()
    length = {"inference_header_content_length": str(len(head))} if raw else {}
    answer = await server.ask(INFER, head + raw, **length)
    assert answer.status == 200, answer.body
    scores: list[float] = json.loads(answer.body)["outputs"][0]["data"]
    return scores


STATUS: list[tuple[dict[str, object], bytes]] = [
    ({"datatype": "BYTES", "data": [LABELS[2], LABELS[0]]}, b""),
    ({"datatype": "BYTES", "data": [[LABELS[2]], [LABELS[0]]], "shape": [2, 1]}, b""),
    ({"datatype": "UINT8", "data": [2, 0]}, b""),
    ({"datatype": "BYTES"}, _texts(LABELS[2], LABELS[0])),
    ({"datatype": "UINT64"}, np.array([2, 0], "<u8").tobytes()),
    ({"datatype": "BF16"}, (np.array([2, 0], "<f4").view("<u4") >> 16).astype("<u2").tobytes()),
    ({"datatype": "FP16"}, np.array([2, 0], "<f2").tobytes()),
]


@pytest.mark.parametrize("number", range(len(STATUS)))
def test_texts_and_numbers_of_every_kind_mean_the_same(tmp_path: Path, number: int) -> None:
    status, raw = STATUS[number]
    if raw:
        status = {**status, "parameters": {"binary_data_size": len(raw)}}

    async def main() -> None:
        async with running(tmp_path, contract=LABELLED) as server:
            for paid in ([True, False], [1, 0]):
                truth: dict[str, object] = {"datatype": "BOOL", "data": paid}
                found = await _scores(server, _tensors(status=status, paid=truth), raw)
                assert found == pytest.approx(RIGHT, abs=1e-6)

    run(main)


def test_truths_come_as_bytes_too(tmp_path: Path) -> None:
    paid: dict[str, object] = {"datatype": "BOOL", "parameters": {"binary_data_size": 2}}
    status: dict[str, object] = {"datatype": "INT32", "data": [2, 0]}

    async def main() -> None:
        async with running(tmp_path, contract=LABELLED) as server:
            found = await _scores(server, _tensors(status=status, paid=paid), b"\x01\x00")
            assert found == pytest.approx(RIGHT, abs=1e-6)

    run(main)


def test_one_bf16_tensor_of_all_features_is_rounded_and_nothing_else(tmp_path: Path) -> None:
    rows: NDArray[np.float32] = np.array([[512.0, 40.0, 1.0, -3.5]], np.float32)
    raw = (rows.view("<u4") >> 16).astype("<u2").tobytes()
    tensor: dict[str, object] = {
        "name": "features",
        "shape": [1, 4],
        "datatype": "BF16",
        "parameters": {"binary_data_size": len(raw)},
    }

    async def main() -> None:
        async with running(tmp_path) as server:
            assert await _scores(server, [tensor], raw) == pytest.approx(expected(rows.tolist()))

    run(main)
    (record,) = records(tmp_path / "spool")
    assert record.inputs == rows.tobytes()


WRONG: list[tuple[dict[str, object], bytes, int, str]] = [
    (
        {"datatype": "BYTES", "data": [LABELS[0], "widowed"]},
        b"",
        422,
        "row 1, column status: expected one of 0 (single), 1 (married), "
        "2 (zusammenlebend, ü), got 'widowed'",
    ),
    ({"datatype": "BYTES", "data": [None, ""]}, b"", 422, "row 0, column status"),
    ({"datatype": "BYTES", "data": [LABELS[0], 1]}, b"", 400, "holds numbers: expected texts"),
    ({"datatype": "BYTES"}, _texts("single", b"\xff\xfe"), 422, "row 1, column status"),
    ({"datatype": "BYTES"}, _texts("single"), 400, "expected 2 texts, each after its length"),
    ({"datatype": "BYTES"}, _texts("single", "x", "y"), 400, "expected 2 texts"),
    ({"datatype": "BYTES"}, b"\xff\xff\xff\xffabcd", 400, "expected 2 texts"),
    ({"datatype": "BYTES"}, b"\x06\x00\x00", 400, "expected 2 texts"),
    ({"datatype": "BOOL", "data": [2, 0]}, b"", 400, "another value than true and false"),
    ({"datatype": "BOOL", "data": [True, "false"]}, b"", 400, "holds a str"),
    ({"datatype": "BOOL"}, b"\x01\x02", 400, "another value than true and false"),
    ({"datatype": "BF16"}, b"\0" * 8, 400, "has 8 binary bytes: expected 4"),
    ({"datatype": "UINT8", "data": [True, False]}, b"", 400, "holds a bool: expected numbers"),
    ({"datatype": "COMPLEX", "data": [1, 0]}, b"", 400, "BF16, BOOL, BYTES"),
]


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_what_is_no_label_or_no_truth_is_refused(tmp_path: Path, number: int) -> None:
    given, raw, status, words = WRONG[number]
    size = {"parameters": {"binary_data_size": len(raw)}} if raw else {}
    head = json.dumps({"inputs": _tensors(status={**given, **size})}).encode()
    length = {"inference_header_content_length": str(len(head))} if raw else {}

    async def main() -> None:
        async with running(tmp_path, contract=LABELLED) as server:
            answer = await server.ask(INFER, head + raw, **length)
            assert (answer.status, words in answer.error) == (status, True), answer.body

    run(main)
    (record,) = records(tmp_path / "spool")
    assert (record.status, record.rows) == (status, 0)
    assert "widowed" not in record.refusal


def _message(**status: object) -> bytes:
    inputs: list[dict[str, object]] = [
        {"name": n, "datatype": "FP32", "shape": [2], "contents": {"fp32_contents": values}}
        for n, values in NUMBERS.items()
    ]
    inputs.append({"name": "status", "shape": [2], **status})
    return grpc_messages.render("ModelInferRequest", {"model_name": "credit", "inputs": inputs})


def test_messages_hold_texts_and_truths(tmp_path: Path) -> None:
    texts = [LABELS[2].encode(), LABELS[0].encode()]
    names = ("limit", "age", "paid", "status")
    types = ("FP32", "BF16", "BOOL", "BYTES")
    halves = (np.array(NUMBERS["age"], "<f4").view("<u4") >> 16).astype("<u2").tobytes()
    raw = [np.array(NUMBERS["limit"], "<f4").tobytes(), halves, b"\x01\x00",
           _texts(LABELS[2], LABELS[0])]  # fmt: skip
    inputs = [
        {"name": name, "datatype": kind, "shape": [2]}
        for name, kind in zip(names, types, strict=True)
    ]
    good = [
        _message(datatype="BYTES", contents={"bytes_contents": texts}),
        grpc_messages.render(
            "ModelInferRequest",
            {"model_name": "credit", "inputs": inputs, "raw_input_contents": raw},
        ),
    ]
    bad = {
        "expected bytes_contents": _message(datatype="BYTES", contents={"int_contents": [2, 0]}),
        "row 0, column status": _message(
            datatype="BYTES", contents={"bytes_contents": [b"\xff", b""]}
        ),
        "expected raw_input_contents": _message(
            datatype="BF16", contents={"fp32_contents": [2, 0]}
        ),
        "expected bool_contents": _message(datatype="BOOL", contents={"int_contents": [1, 0]}),
    }

    async def main() -> None:
        async with running(tmp_path, contract=LABELLED) as server:
            for body in good:
                answer = await server.ask(inference_service.PREFIX + inference_service.INFER, body)
                assert answer.status == 200, answer.body
                found = grpc_messages.parse_answer(answer.body)
                scores = (
                    np.frombuffer(found.raw_output_contents[0], "<f4").tolist()
                    if found.raw_output_contents
                    else list(found.outputs[0].contents.fp32_contents)
                )
                assert scores == pytest.approx(RIGHT, abs=1e-6)
            for words, body in bad.items():
                answer = await server.ask(inference_service.PREFIX + inference_service.INFER, body)
                assert answer.status in (400, 422)
                assert words in answer.error

    run(main)


def test_a_table_takes_labels_by_the_same_rules(tmp_path: Path) -> None:
    row = {"limit": 2.0, "age": 40.0, "status": LABELS[2], "paid": 1.0}

    async def main() -> None:
        async with running(tmp_path, contract=LABELLED) as server:
            document = (await server.ask("/openapi.json")).json()
            schema = {"$ref": "#/components/schemas/TabularRequest", **document}
            rows = {"rows": [row, {**row, "status": 2}]}
            jsonschema.Draft202012Validator(schema).validate(rows)
            decided = json.loads((await server.ask(PREDICT, rows)).body)["decisions"]
            assert [each["score"] for each in decided] == pytest.approx([RIGHT[0]] * 2)
            wrong = await server.ask(PREDICT, {"rows": [row, {**row, "status": "widowed"}]})
            assert wrong.status == 422
            assert wrong.error.startswith("row 1, column status: expected one of 0 (single)")
            text = await server.ask(PREDICT, {"rows": [{**row, "age": "40"}]})
            assert text.status == 400
            assert text.error == "row 0, column age is a text: expected a number"

    run(main)


def test_the_metadata_says_what_is_taken(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()

    async def main() -> None:
        async with running(tmp_path, contract=LABELLED) as server:
            told = json.loads((await server.ask("/v2/models/credit")).body)["goldenpath"]
            assert told["columns"] == ["limit", "age", "status", "paid"]
            assert told["labels"] == {"status": dict(zip(LABELS, (0.0, 1.0, 2.0), strict=True))}
            assert {"BYTES", "BOOL", "BF16"} <= set(told["datatypes"])
        async with running(tmp_path / "plain", spooling=False) as server:
            told = json.loads((await server.ask("/v2/models/credit")).body)["goldenpath"]
            assert "BYTES" not in told["datatypes"] and "labels" not in told

    run(main)
