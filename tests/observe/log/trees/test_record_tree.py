"""The tree over the records of a segment: lines that every program can read, the same each time."""

import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from goldenpath.merkle_tree import inclusion_proof, leaf_hash, root_of_inclusion
from goldenpath.observe.log.trees.record_tree import record_lines, tree_of_records


def table() -> pa.Table:
    """Two records with every kind of column and every awkward value."""
    few = pa.array(["a", None], pa.string()).dictionary_encode()
    return pa.table(
        {
            "prediction_id": ['p-"0"\n', "p-1"],
            "stage": pa.array(["prod", "prod"], pa.string()).dictionary_encode(),
            "caller": few,
            "t_start": pa.array([5, 7], pa.timestamp("ns", "UTC")),
            "input_commitment": pa.array([b"\1" * 32, None], pa.binary(32)),
            "input_ciphertext": pa.array([b"secret", None], pa.binary()),
            "score": pa.array([0.2, float("inf")], pa.float32()),
            "decisive": [True, False],
            "row": pa.array([0, 1], pa.int32()),
            "reasons": pa.array(
                [[{"code": "R1", "weight": 0.5}], None],
                pa.list_(pa.struct([("code", pa.string()), ("weight", pa.float32())])),
            ),
            "refusal": pa.array([None, None], pa.string()),
        }
    )


def test_each_record_is_json_without_the_ciphertext() -> None:
    head, *lines = [json.loads(line) for line in record_lines(table())]
    first, second = (
        {**head["shared"], **dict(zip(head["columns"], line, strict=True))} for line in lines
    )

    assert head["shared"] == {"stage": "prod", "refusal": None}
    assert first == {
        "prediction_id": 'p-"0"\n', "stage": "prod", "caller": "a", "t_start": 5,
        "input_commitment": "01" * 32, "score": 0.2, "decisive": True, "row": 0,
        "reasons": [{"code": "R1", "weight": 0.5}], "refusal": None,
    }  # fmt: skip
    assert second["score"] == "inf" and second["caller"] is None and second["reasons"] is None


def test_a_table_that_was_stored_and_read_has_the_same_tree() -> None:
    sink = io.BytesIO()
    pq.write_table(table(), sink, row_group_size=1)

    assert tree_of_records(pq.read_table(sink)) == tree_of_records(table())


def test_a_table_without_records_has_a_tree_too() -> None:
    assert tree_of_records(table().slice(0, 0)) != tree_of_records(table())


@pytest.mark.parametrize("name", [n for n in table().column_names if n != "input_ciphertext"])
def test_another_value_in_any_column_gives_another_tree(name: str) -> None:
    place = table().column_names.index(name)
    other = table()[name].take([1, 0])
    if other.equals(table()[name]):
        other = pa.chunked_array([pa.array(["x", "x"]).dictionary_encode()])

    assert tree_of_records(table().set_column(place, name, other)) != tree_of_records(table())


def test_bytes_are_the_same_text_wherever_their_table_begins() -> None:
    values = [bytes([each]) * 32 if each % 3 else None for each in range(9)]
    column = pa.chunked_array(
        [pa.array(values[:4], pa.binary(32)), pa.array(values[4:], pa.binary(32))]
    )
    whole = pa.table({"row": list(range(9)), "input_commitment": column})

    for begin, length in ((0, 9), (1, 7), (4, 2)):
        lines = record_lines(whole.slice(begin, length))[1:]
        expected = [each and each.hex() for each in values[begin : begin + length]]
        assert [json.loads(line)[-1] for line in lines] == expected


def test_a_proof_leads_from_a_line_to_the_tree() -> None:
    leaves = [leaf_hash(line) for line in record_lines(table())]
    root = root_of_inclusion(leaves[2], 2, 3, inclusion_proof(leaves, 2))

    assert root is not None and f"sha256:{root.hex()}" == tree_of_records(table())
