"""Texts: what callers send, what the model gets, what is recorded, and what is refused."""

import json
import struct
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pyarrow as pa
import pytest

from goldenpath.project.contract import parse_contract, render_contract
from goldenpath.project.spec import Contract, Feature
from goldenpath.project.task.feature_parts import declared_names, expanded, part_faults
from goldenpath.project.task.text_parts import unpacked
from goldenpath.serve.model.model import Rows, Scores
from goldenpath.serve.protocol.inputs import InputRules
from goldenpath.serve.protocol.model_repository import as_message, configuration
from goldenpath.serve.protocol.release_identity import describe_further
from goldenpath.serve.send_rows import read_rows
from goldenpath.serve.table.table_rows import table_rows
from tests.serve.running import CONTRACT, IDENTITY, records, run, running

DECLARED: list[dict[str, object]] = [
    {"name": "amount", "kind": "number", "minimum": 0.0, "maximum": 10.0},
    {"name": "note", "kind": "text", "bytes": 20, "description": "what was said"},
    {"name": "more", "kind": "text", "bytes": 5, "missing": True},
]
FEATURES = tuple(
    Feature(**part)  # type: ignore[arg-type]
    for one in DECLARED
    for part in expanded(one)
)
TEXTS: Contract = replace(CONTRACT, features=FEATURES, decision=None)
NOTE, MORE = slice(1, 8), slice(8, 10)
INFER, PREDICT = "/v2/models/credit/infer", "/v1/models/credit/predict"
ROW = {"amount": 1.0, "note": "Grüße, 世界", "more": "no"}


class Lengths:
    """Gives a hundredth of the length of the note."""

    def predict(self, rows: Rows) -> Scores:
        """The answers."""
        return np.array([len(text or "") / 100 for text in unpacked(rows[:, NOTE])], np.float32)


def tensors(row: dict[str, object]) -> dict[str, object]:
    kinds = {"amount": ("FP32", [1, 1]), "note": ("BYTES", [1, 1]), "more": ("BYTES", [1])}
    return {
        "inputs": [
            {"name": name, "datatype": kind, "shape": shape, "data": [row[name]]}
            for name, (kind, shape) in kinds.items()
        ]
    }


def binary(note: bytes) -> tuple[bytes, dict[str, str]]:
    """A request of the binary tensor extension."""
    parts = (struct.pack("<f", 1.0), struct.pack("<I", len(note)) + note, struct.pack("<I", 0))
    head = tensors(ROW)
    inputs = head["inputs"]
    assert isinstance(inputs, list)
    for one, part in zip(inputs, parts, strict=True):
        del one["data"]
        one["parameters"] = {"binary_data_size": len(part)}
    text = json.dumps(head).encode()
    return text + b"".join(parts), {"inference-header-content-length": str(len(text))}


def test_a_declared_text_is_its_numbers_and_a_stored_contract_reads_back() -> None:
    assert len(FEATURES) == 1 + 7 + 2
    assert declared_names(TEXTS) == ["amount", "note", "more"]
    assert parse_contract(render_contract(TEXTS)) == TEXTS
    assert b'"bytes"' not in render_contract(CONTRACT), "older contracts keep their digest"


@pytest.mark.parametrize(
    ("feature", "key"),
    [
        ({"name": "a", "kind": "text"}, "bytes"),
        ({"name": "a", "kind": "number", "bytes": 3}, "bytes"),
        ({"name": "a", "kind": "vector", "length": 3, "bytes": 3}, "bytes"),
        ({"name": "a", "kind": "timestamp", "length": 3}, "length"),
        ({"name": "a", "kind": "text", "bytes": 3, "length": 3}, "length"),
        ({"name": "a", "kind": "text", "bytes": 3, "mutable": True}, "mutable"),
    ],
)
def test_what_does_not_fit_the_kind_is_a_fault(feature: dict[str, object], key: str) -> None:
    (fault,) = part_faults([feature])

    assert fault.key == f"contract.features[0].{key}"
    assert [*part_faults(DECLARED)] == []


def test_every_form_of_a_request_brings_the_same_text_to_model_and_record(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path, Lengths(), contract=TEXTS) as server:
            schema = (await server.ask("/openapi.json")).json()
            row = {"$ref": "#/components/schemas/Row", **schema}
            jsonschema.Draft202012Validator(row).validate(ROW)
            with pytest.raises(jsonschema.ValidationError):
                jsonschema.Draft202012Validator(row).validate({**ROW, "note": "x" * 21})
            body, headers = binary("Grüße, 世界".encode())
            for target, content in ((PREDICT, {"rows": [ROW]}), (INFER, tensors(ROW))):
                answer = await server.ask(target, content)
                assert answer.status == 200, answer.body
            answer = await server.ask(INFER, body, **headers)
            assert answer.status == 200, answer.body
            outputs = answer.json()["outputs"]
            assert isinstance(outputs, list)
            assert outputs[0]["data"] == pytest.approx([0.09])
            numbers = {"name": "features", "shape": [1, 10], "datatype": "FP32",
                       "data": np.frombuffer(seen(), "<f4").tolist()}  # fmt: skip
            assert (await server.ask(INFER, {"inputs": [numbers]})).status == 200

    run(main)
    first, second, third, fourth = (record.inputs for record in records(tmp_path / "spool"))
    assert first == second == fourth == seen()
    rows = np.frombuffer(third, "<f4").reshape(1, -1)
    assert (unpacked(rows[:, NOTE]), unpacked(rows[:, MORE])) == (["Grüße, 世界"], [None])


AS_THEY_ARE = (
    "e\u0301",  # a combining accent is not composed
    "\u00e9",
    "\u202eab\u200d",  # another direction, and a joiner
    "\ufeffa",  # a byte order mark
    "   ",
    "\U0001f600",
    "a\r\n\tb",
    "x" * 20,
    "世" * 6 + "ab",  # exactly 20 bytes
)


def test_a_text_is_recorded_byte_for_byte_whatever_its_characters(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path, Lengths(), contract=TEXTS) as server:
            for note in AS_THEY_ARE:
                answer = await server.ask(PREDICT, {"rows": [{**ROW, "note": note}]})
                assert answer.status == 200, answer.body

    run(main)
    rows = np.concatenate(
        [np.frombuffer(each.inputs, "<f4").reshape(1, -1) for each in records(tmp_path / "spool")]
    )
    assert tuple(unpacked(rows[:, NOTE])) == AS_THEY_ARE


@pytest.mark.parametrize("note", [b'"\\ud800"', b'"\\udc00\\ud800"', b'"\xed\xa0\x80"'])
def test_half_a_character_is_refused_and_not_repaired(tmp_path: Path, note: bytes) -> None:
    async def main() -> None:
        async with running(tmp_path, Lengths(), contract=TEXTS) as server:
            content = b'{"rows": [{"amount": 1, "note": %b, "more": "no"}]}' % note
            answer = await server.ask(PREDICT, content)
            assert answer.status == 400, answer.body
            assert "utf" in answer.error

    run(main)
    assert {each.inputs for each in records(tmp_path / "spool")} == {b""}


def test_a_text_of_megabytes_is_refused_by_its_length(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path, Lengths(), contract=TEXTS) as server:
            answer = await server.ask(PREDICT, {"rows": [{**ROW, "note": "x" * 3_000_000}]})
            assert (answer.status, "3000000 bytes" in answer.error) == (422, True)
            assert len(answer.error) < 200

    run(main)


def seen() -> bytes:
    table = pa.table({name: [value] for name, value in ROW.items()})
    return table_rows(table, TEXTS, InputRules(TEXTS)).values.astype("<f4").tobytes()


WRONG: list[tuple[dict[str, object], str]] = [
    ({"note": "x" * 21}, "row 1, column note: expected a text of at most 20 bytes"),
    ({"note": "ä" * 11}, "got 22 bytes"),
    ({"note": "a\0b"}, "NUL"),
    ({"note": ""}, "row 1, column note: expected a text of at most 20 bytes"),
    ({"note": None}, "got nothing"),
    ({"note": 7}, "type int"),
    ({"note": [1.0]}, "type list"),
    ({"more": "secret word"}, "column more: expected a text of at most 5 bytes"),
]


@pytest.mark.parametrize(("change", "words"), WRONG, ids=[json.dumps(each[0]) for each in WRONG])
def test_other_values_are_refused_with_row_and_column_and_are_not_repeated(
    tmp_path: Path, change: dict[str, object], words: str
) -> None:
    async def main() -> None:
        async with running(tmp_path, Lengths(), contract=TEXTS) as server:
            answer = await server.ask(PREDICT, {"rows": [ROW, {**ROW, **change}]})
            assert answer.status == 422, answer.body
            assert words in answer.error
            assert "secret" not in answer.error

    run(main)


@pytest.mark.parametrize(
    ("value", "kind"), [(["a"], "str in a list"), ({}, "dict"), (True, "bool")]
)
def test_a_value_of_no_kind_of_feature_is_named_by_row_and_column(
    tmp_path: Path, value: object, kind: str
) -> None:
    async def main() -> None:
        async with running(tmp_path, Lengths(), contract=TEXTS) as server:
            answer = await server.ask(PREDICT, {"rows": [ROW, {**ROW, "note": value}]})
            assert answer.status == 400, answer.body
            assert "row 1, column note" in answer.error
            assert f"type {kind}" in answer.error

    run(main)


def test_bytes_that_are_not_utf8_and_numbers_that_are_no_text_are_refused(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path, Lengths(), contract=TEXTS) as server:
            body, headers = binary(b"\xff\xfe")
            answer = await server.ask(INFER, body, **headers)
            assert (answer.status, "UTF-8" in answer.error) == (422, True)
            numbers = np.frombuffer(seen(), "<f4").copy()
            numbers[3] = 255.0
            tensor = {"name": "features", "shape": [1, 10], "datatype": "FP32",
                      "data": numbers.tolist()}  # fmt: skip
            answer = await server.ask(INFER, {"inputs": [tensor]})
            assert answer.status == 422
            assert answer.error.count("column") == 1, "one fault for one text"
            answer = await server.ask(INFER, tensors({**ROW, "note": 5}))
            assert answer.status == 422, answer.body

    run(main)


def test_clients_are_told_one_input_for_each_feature(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path, Lengths(), contract=TEXTS) as server:
            inputs = (await server.ask("/v2/models/credit")).json()["inputs"]
            assert inputs == [
                {"name": "amount", "datatype": "FP32", "shape": [-1, 1]},
                {"name": "note", "datatype": "BYTES", "shape": [-1, 1]},
                {"name": "more", "datatype": "BYTES", "shape": [-1, 1]},
            ]

    run(main)
    configured = configuration(IDENTITY, TEXTS)["input"]
    assert isinstance(configured, list)
    assert [each["data_type"] for each in configured] == ["TYPE_FP32", *["TYPE_STRING"] * 2]
    assert as_message({"input": configured})["input"][1]["data_type"] == 13  # type: ignore[index]
    assert describe_further(IDENTITY, TEXTS)["columns"] == ["amount", "note", "more"]
    assert "BYTES" in describe_further(IDENTITY, TEXTS)["datatypes"]  # type: ignore[operator]


def test_the_warm_up_has_texts_that_the_contract_allows() -> None:
    rules = InputRules(TEXTS)

    assert rules.accept(rules.examples(50)) is None


def test_rows_of_a_csv_file_are_sent_as_their_texts(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text('amount,note,more\n1,"Grüße, 世界",no\n2,"a ""b""",\n', "utf-8")

    rows = read_rows(file, TEXTS, "", None).rows

    assert unpacked(rows[:, NOTE]) == ["Grüße, 世界", 'a "b"']
    assert unpacked(rows[:, MORE]) == ["no", None]


def test_a_table_names_the_rows_whose_texts_are_refused() -> None:
    table = pa.table({"amount": [1.0, 2.0, 3.0], "note": ["a", "x" * 30, "c"], "more": [None] * 3})

    refused = table_rows(table, TEXTS, InputRules(TEXTS))

    assert refused.refusals == {
        1: "column note: expected a text of at most 20 bytes in UTF-8, without NUL characters, "
        "got 30 bytes"
    }
    assert np.isinf(refused.values[1, NOTE]).all()
