"""A value reaches the model exactly, or the request is refused by row, column, value and rule."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from goldenpath.canonical import DuplicateKey
from goldenpath.project.spec import Contract
from goldenpath.serve.protocol import inference_service, tabular
from goldenpath.serve.protocol.open_inference import Reader
from goldenpath.serve.protocol.tensors import InputShape
from tests.serve.running import CONTRACT, INFER, ROW, question, records, run, running

PREDICT = "/v1/models/credit/predict"
NAMES = [feature.name for feature in CONTRACT.features]
LARGE = 16_777_217
"""The smallest whole number that no 32-bit float holds."""


def _tensors(paid: dict[str, object]) -> dict[str, object]:
    given = {"limit": 50_000.0, "age": 40.0, "status": 1.0}
    plain = [{"name": n, "shape": [1], "datatype": "FP32", "data": [v]} for n, v in given.items()]
    return {"inputs": [*plain, {"name": "paid", "shape": [1], **paid}]}


REFUSED: list[tuple[str, object, str]] = [
    (INFER, question([50_000.0, 40.0, 1.0, LARGE]), "16777217"),
    (INFER, question([50_000.0, 40.0, 1.0, -LARGE]), "-16777217"),
    (INFER, question(ROW, [50_000.0, 40.0, 1.0, LARGE]), "row 1, column paid"),
    (INFER, question(*[ROW] * 60, [1.0, 40.0, 1.0, LARGE]), "row 60, column paid"),
    (INFER, question([50_000.0, 40.0, 1.0, 2.0**53 + 1]), "column paid"),
    (INFER, question([50_000.0, 40.0, 1.00000001, 1.0]), "1.00000001"),
    (INFER, _tensors({"datatype": "INT64", "data": [LARGE]}), "16777217"),
    (INFER, _tensors({"datatype": "INT64", "data": [1.5]}), "got 1.5"),
    (
        INFER,
        _tensors({"datatype": "INT64", "data": [0.5]}),
        "a whole number from -9223372036854775808 to 9223372036854775807, as INT64 is",
    ),
    (INFER, _tensors({"datatype": "INT8", "data": [-129]}), "-128 to 127, as INT8 is, got -129"),
    (INFER, _tensors({"datatype": "UINT8", "data": [300]}), "0 to 255"),
    (INFER, _tensors({"datatype": "UINT8", "data": [-1]}), "0 to 255"),
    (INFER, _tensors({"datatype": "INT8", "data": [[128]], "shape": [1, 1]}), "-128 to 127"),
    (INFER, _tensors({"datatype": "UINT32", "data": [2**32]}), "4294967295"),
    (INFER, _tensors({"datatype": "FP16", "data": [70_000]}), "65504"),
    (PREDICT, {"rows": [dict(zip(NAMES, [1, 40, 1, LARGE], strict=True))]}, "16777217"),
    (PREDICT, {"rows": [dict(zip(NAMES, [1, 40, 1.00000001, 1], strict=True))]}, "1.00000001"),
]


@pytest.mark.parametrize("number", range(len(REFUSED)))
def test_what_would_be_rounded_is_refused_by_row_column_value_and_rule(
    tmp_path: Path, number: int
) -> None:
    target, body, part = REFUSED[number]

    async def main() -> None:
        async with running(tmp_path) as server:
            answer = await server.ask(target, body)
            assert answer.status == 422, answer.body
            assert part in answer.error
            assert all(each in answer.error for each in ("row ", "column ", "expected ", "got "))

    run(main)
    assert not any(record.inputs for record in records(tmp_path / "spool"))


ACCEPTED = [2.0**24, LARGE + 1, 0.1, 16_777_216.5, 1e30, -(2.0**30), 3_000_000_000]


@pytest.mark.parametrize("value", ACCEPTED)
def test_whole_numbers_that_32_bits_hold_and_other_numbers_are_accepted(
    tmp_path: Path, value: float
) -> None:
    async def main() -> None:
        async with running(tmp_path) as server:
            for body in (question([1.0, 40.0, 1.0, value]), question(ROW, [1.0, 40.0, 1.0, value])):
                assert (await server.ask(INFER, body)).status == 200

    run(main)
    assert np.frombuffer(records(tmp_path / "spool")[0].inputs, "<f4")[3] == np.float32(value)


@pytest.mark.parametrize(
    ("datatype", "kind", "value", "status"),
    [
        ("INT64", "<i8", LARGE, 422),
        ("INT64", "<i8", 2**53 + 1, 422),
        ("UINT64", "<u8", LARGE + 1, 200),
        ("INT32", "<i4", LARGE, 422),
        ("FP64", "<f8", LARGE, 422),
        ("FP64", "<f8", 0.1, 200),
        ("FP32", "<f4", 2.0**60, 200),
    ],
)
def test_binary_tensors_follow_the_same_rule(
    tmp_path: Path, datatype: str, kind: str, value: float, status: int
) -> None:
    raw = np.array([50_000, 40, 1, value], kind).tobytes()
    tensor = {
        "name": "features",
        "shape": [1, 4],
        "datatype": datatype,
        "parameters": {"binary_data_size": len(raw)},
    }
    head = json.dumps({"inputs": [tensor]}).encode()

    async def main() -> None:
        async with running(tmp_path) as server:
            length = {"inference_header_content_length": str(len(head))}
            answer = await server.ask(INFER, head + raw, **length)
            assert answer.status == status, answer.body

    run(main)


def test_messages_of_grpc_follow_the_same_rule(tmp_path: Path) -> None:
    grpc_messages = pytest.importorskip("goldenpath.serve.protocol.grpc_messages")
    plain = [
        {"name": n, "shape": [1], "datatype": "FP32", "contents": {"fp32_contents": [v]}}
        for n, v in zip(NAMES[:3], ROW[:3], strict=True)
    ]
    paid = {"name": "paid", "shape": [1]}
    few = {**paid, "datatype": "UINT8", "contents": {"uint_contents": [300]}}
    many = {**paid, "datatype": "INT64", "contents": {"int64_contents": [LARGE]}}
    target = inference_service.PREFIX + inference_service.INFER

    async def main() -> None:
        async with running(tmp_path) as server:
            for tensor, part in ((few, "0 to 255"), (many, "16777217")):
                fields = {"model_name": "credit", "inputs": [*plain, tensor]}
                body = grpc_messages.render("ModelInferRequest", fields)
                kind = {"content_type": inference_service.MEDIA_TYPE}
                answer = await server.ask(target, body, **kind)
                assert answer.status == 422
                assert part in answer.error

    run(main)


def _tensor(data: str) -> str:
    return f'{{"name":"features","shape":[1,4],"datatype":"FP32",{data}}}'


DATA = '"data":[1,40,1,1]'
SPACED = DATA + ',"data" : [2,40,1,1]'
ESCAPED = DATA + r',"d\u0061ta":[2,40,1,1]'
NESTED = '"data":[[1,40,1,null]],"data":[[1,40,1,null]]'
REPEATED = [
    f'{{"inputs":[{_tensor(f"{DATA},{DATA}")}]}}',
    f'{{"inputs":[{_tensor(DATA)}],"inputs":[{_tensor(DATA)}]}}',
    f'{{"id":"a","id":"b","inputs":[{_tensor(DATA)}]}}',
    f'{{"inputs":[{_tensor(DATA)}],"unknown":1,"unknown":2}}',
    f'{{"inputs":[{_tensor(DATA)}],"parameters":{{"channel":"a","channel":"b"}}}}',
    f'{{"inputs":[{_tensor(DATA)}],"parameters":{{"other":{{"a":1,"a":2}}}}}}',
    f'{{"inputs":[{_tensor(SPACED)}]}}',
    f'{{"inputs":[{_tensor(ESCAPED)}]}}',
    f'{{"inputs":[{_tensor(NESTED)}]}}',
    f'{{"inputs":[{_tensor(DATA)}],"outputs":[{{"name":"probability","name":"probability"}}]}}',
]
SINGLE = [
    f'{{"inputs":[{_tensor(DATA)}]}}',
    f'{{"id":"a:b:c","inputs":[{_tensor(DATA)}]}}',
    f'{{"inputs":[{_tensor(DATA)}],"parameters":{{"features_at":"2026-11-22T08:00:00Z"}}}}',
    f'{{"inputs":[{_tensor(DATA)}],"unknown":{{"a":{{"a":1}}}}}}',
    '{"inputs" : [' + _tensor(DATA).replace(":", " : ") + "]}",
]


@pytest.mark.parametrize("body", REPEATED)
def test_a_key_that_occurs_twice_is_refused(body: str) -> None:
    # Without this rule one parser on the way takes the first value, and another one the last.
    assert json.loads(body)
    with pytest.raises(DuplicateKey, match="occurs twice"):
        Reader(InputShape.of(CONTRACT), ["probability"]).read(body.encode(), None)


@pytest.mark.parametrize("body", SINGLE)
def test_colons_in_texts_and_unknown_keys_are_no_repeated_keys(body: str) -> None:
    assert Reader(InputShape.of(CONTRACT), ["probability"]).read(body.encode(), None).rows == 1


def test_a_column_that_occurs_twice_in_a_row_is_refused() -> None:
    for contract in (CONTRACT, _labelled()):
        shape = InputShape.of(contract)
        with pytest.raises(DuplicateKey, match="'age' occurs twice"):
            tabular.read(b'{"rows":[{"limit":1,"age":40,"status":1,"age":41}]}', shape)
        assert tabular.read(b'{"rows":[{"limit":1,"age":40,"status":1}]}', shape).rows == 1


def test_a_value_of_another_type_is_named_by_row_and_column(tmp_path: Path) -> None:
    rows = [{"limit": 1, "age": 40, "status": 1}, {"limit": 1, "age": [40], "status": 1}]

    async def main() -> None:
        async with running(tmp_path) as server:
            answer = await server.ask(PREDICT, {"rows": rows})
            assert answer.status == 400
            assert answer.error == "row 1, column age: expected a number, got [40]"

    run(main)


def _labelled() -> Contract:
    features = list(CONTRACT.features)
    features[2] = replace(features[2], labels=("a", "b", "c"))
    return replace(CONTRACT, features=tuple(features))
