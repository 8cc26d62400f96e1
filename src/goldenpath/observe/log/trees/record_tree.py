"""The Merkle tree over the records of a segment, so that one record can be proven by itself.

Leaf 0 has what all records share, and leaf N is the line of record N - 1. Both are JSON, which
every program can read. The encrypted inputs are left out: the line has the commitment to them.
"""

import json
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from goldenpath.merkle_tree import LEAF_MARK, tree_head

_CIPHERTEXT = "input_ciphertext"
_UNSAFE = r'["\\\x00-\x1f]'
"""What a text in JSON has to escape."""
Column: TypeAlias = "pa.ChunkedArray[Any]"


def record_lines(table: pa.Table) -> list[bytes]:
    """Return the leaves of the tree: what all records share, then one line for each record.

    Leaf 0 is a JSON object: `columns` names the values of the lines, and `shared` has the value of
    each other column, which is the same in all records. Times are nanoseconds since 1970, and bytes
    are hexadecimal.
    """
    return [line[1:] for line in _marked_lines(table)]


def _marked_lines(table: pa.Table) -> list[bytes]:
    """Return each leaf after the mark of leaves, as it is hashed."""
    table = table.combine_chunks()
    varying: list[str] = []
    shared: dict[str, object] = {}
    for name in table.column_names:
        if _is_shared(table[name]):
            shared[name] = table[name][0].as_py() if table.num_rows else None
        elif name != _CIPHERTEXT:
            varying.append(name)
    head = LEAF_MARK + _json({"columns": varying, "shared": shared}).encode()
    if not varying:
        return [head] + [LEAF_MARK + b"[]"] * table.num_rows
    texts = [_texts(table[name]) for name in varying]
    # Mark and brackets are part of the first and the last value, so that no line is made twice.
    texts[0] = _joined(f"{LEAF_MARK.decode()}[", texts[0])
    texts[-1] = _joined(texts[-1], "]")
    lines = _joined(*texts, separator=",").cast(pa.binary()).to_pylist()
    return [head, *(line for line in lines if line is not None)]


def _is_shared(column: Column) -> bool:
    """Whether all records are known to have one value, without a look at columns of numbers."""
    if column.null_count == len(column):
        return True
    return pa.types.is_dictionary(column.type) and len(column.unique()) == 1


def tree_of_records(table: pa.Table) -> str:
    """Return the tree head over the records of a table."""
    return head_text([sha256(line).digest() for line in _marked_lines(table)])


def head_text(leaves: Sequence[bytes]) -> str:
    """Return the tree head over hashes of leaves in the form of a digest."""
    return f"sha256:{tree_head(leaves).hex()}"


def _texts(column: Column) -> Column:
    """Return the JSON text of each value of a column; null stays null."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        chunks = [
            _of_few(chunk) for chunk in column.chunks if isinstance(chunk, pa.DictionaryArray)
        ]
        return pa.chunked_array(chunks, pa.string())
    if pa.types.is_string(kind):
        return _quoted(column)
    if pa.types.is_fixed_size_binary(kind):
        return pa.chunked_array([_hexadecimal(chunk) for chunk in column.chunks], pa.string())
    if pa.types.is_list(kind):
        return _each(column)
    if pa.types.is_floating(kind):
        return _number_texts(column)
    if pa.types.is_timestamp(kind):
        column = column.cast(pa.int64())
    return column.cast(pa.string())


def _hexadecimal(chunk: "pa.Array[Any]") -> "pa.Array[Any]":
    """Return bytes of a fixed size as hexadecimal texts in quotes, all at once."""
    width, rows = chunk.type.byte_width, len(chunk)
    whole = chunk.fill_null(bytes(width))
    content = whole.buffers()[1]
    if not rows or content is None:
        return pa.nulls(rows, pa.string())
    digits = memoryview(content)[whole.offset * width :][: rows * width].hex().encode()
    texts = np.full((rows, 2 * width + 2), ord('"'), np.uint8)
    texts[:, 1:-1] = np.frombuffer(digits, np.uint8).reshape(rows, 2 * width)
    ends = np.arange(rows + 1, dtype=np.int32) * np.int32(texts.shape[1])
    quoted = pa.StringArray.from_buffers(rows, pa.py_buffer(ends.data), pa.py_buffer(texts.data))
    return pc.if_else(chunk.is_valid(), quoted, None) if chunk.null_count else quoted


def _joined(*parts: "Column | str", separator: str = "") -> Column:
    """Return the texts of all parts one after the other; null becomes `null`."""
    joined: Column = pc.binary_join_element_wise(
        *parts,  # type: ignore[call-overload]
        separator,
        null_handling="replace",
        null_replacement="null",
    )
    return joined


def _of_few(chunk: "pa.DictionaryArray[Any, Any]") -> "pa.Array[Any]":
    """Return the texts of a column with few values, each of which is quoted once."""
    texts = [None if value is None else _json(value) for value in chunk.dictionary.to_pylist()]
    return pa.array(texts, pa.string()).take(chunk.indices)


def _quoted(column: Column) -> Column:
    if pc.any(pc.match_substring_regex(column, _UNSAFE)).as_py():
        return _each(column)
    return _joined('"', column, '"')


def _number_texts(column: Column) -> Column:
    texts = column.cast(pa.string())
    is_finite = pc.is_finite(column)
    if pc.all(is_finite).as_py() is not False:
        return texts
    # JSON has no word for infinity, so it is a text there.
    named: Column = pc.if_else(is_finite, texts, _joined('"', texts, '"'))
    return named


def _each(column: Column) -> Column:
    texts = [None if value is None else _json(value) for value in column.to_pylist()]
    return pa.chunked_array([pa.array(texts, pa.string())])


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
