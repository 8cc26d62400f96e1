"""Turns the columns of vectors, timestamps and texts in a table into numbers that a model sees."""

from collections.abc import MutableMapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from goldenpath.errors import InvalidInput
from goldenpath.project.spec import Contract
from goldenpath.project.task.feature_parts import (
    EPOCH,
    EXPECTED_MOMENT,
    SECONDS,
    DeclaredFeature,
    declared_features,
    moment_numbers,
)
from goldenpath.project.task.text_parts import expected_text, packed, text_fault
from goldenpath.train.data.table_file import Column

_EPOCH_DAYS = (EPOCH - EPOCH.replace(year=1970)).days
_MICROSECONDS = 1_000_000


def with_parts(
    table: pa.Table, contract: Contract, unfit: MutableMapping[int, str] | None = None
) -> pa.Table:
    """Return the table with a column for each number of its vectors, timestamps and texts.

    A table that has these columns already is left as it is. With `unfit`, a text that the contract
    refuses becomes infinite numbers, and the reason goes to `unfit` by row. Raises `InvalidInput`
    naming the column and the row of a value that is none.
    """
    for declared in declared_features(contract):
        if not declared.part or declared.name not in table.column_names:
            continue
        values = table[declared.name]
        if declared.part == "text":
            limit = contract.features[declared.start].bytes
            numbers = _packed_texts(declared, values, limit, unfit)
        elif declared.part == "element":
            numbers = _vectors(declared, values)
        else:
            numbers = _moments(declared, values)
        table = table.drop_columns([declared.name])
        for place in range(declared.width):
            name = contract.features[declared.start + place].name
            table = table.append_column(name, pa.array(numbers[:, place], from_pandas=True))
    return table


def _vectors(declared: DeclaredFeature, values: Column) -> NDArray[np.float64]:
    kind = values.type
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind)
            or pa.types.is_fixed_size_list(kind)):  # fmt: skip
        raise InvalidInput(
            f"column {declared.name!r} holds {kind}: expected lists of {declared.width} numbers"
        )
    lengths = np.array([declared.width if each is None else each for each in
                        pc.list_value_length(values).to_pylist()], np.int64)  # fmt: skip
    wrong = np.flatnonzero(lengths != declared.width)
    if len(wrong):
        raise InvalidInput(
            f"column {declared.name!r} has {lengths[wrong[0]]} numbers in row {wrong[0]}: "
            f"expected {declared.width}"
        )
    present = np.asarray(pc.is_valid(values).to_numpy(), bool)
    numbers = np.full((len(values), declared.width), np.nan)
    flat = pc.list_flatten(values.drop_null()).cast(pa.float64())
    numbers[present] = np.asarray(flat.to_numpy(), np.float64).reshape(-1, declared.width)
    return numbers


def _packed_texts(
    declared: DeclaredFeature, values: Column, limit: int, unfit: MutableMapping[int, str] | None
) -> NDArray[np.float64]:
    texts: list[str | None] = []
    wrong: list[int] = []
    for row, text in enumerate(values.to_pylist()):
        fault = "" if text is None or text == "" else text_fault(text, limit)
        texts.append(None if fault else text)
        if not fault:
            continue
        message = f"column {declared.name}: expected {expected_text(limit)}, got {fault}"
        if unfit is None:
            raise InvalidInput(f"row {row}, {message}")
        unfit.setdefault(row, message)
        wrong.append(row)
    numbers = packed(texts, declared.width)
    numbers[wrong] = np.inf
    return numbers


def _moments(declared: DeclaredFeature, values: Column) -> NDArray[np.float64]:
    if pa.types.is_timestamp(values.type):
        return _of_timestamps(declared, values)
    numbers = np.full((len(values), 2), np.nan)
    for row, text in enumerate(values.to_pylist()):
        if text is None or text == "":
            continue
        try:
            numbers[row] = moment_numbers(text)
        except (TypeError, ValueError) as error:
            raise InvalidInput(
                f"column {declared.name!r} has {str(text)[:40]!r} in row {row}: expected "
                f"{EXPECTED_MOMENT}"
            ) from error
    return numbers


def _of_timestamps(declared: DeclaredFeature, values: Column) -> NDArray[np.float64]:
    """Return days and seconds; a time without a zone counts as UTC."""
    times = values.cast(pa.timestamp("us"))
    present = np.asarray(pc.is_valid(times).to_numpy(), bool)
    counted = np.zeros(len(times), np.int64)
    counted[present] = np.asarray(times.drop_null().cast(pa.int64()).to_numpy(), np.int64)
    broken = np.flatnonzero(counted % _MICROSECONDS)
    if len(broken):
        raise InvalidInput(
            f"column {declared.name!r} has a part of a second in row {broken[0]}: expected whole "
            "seconds",
            hint="round the times where the table is made",
        )
    days, seconds = np.divmod(counted // _MICROSECONDS, SECONDS)
    numbers = np.column_stack([days - _EPOCH_DAYS, seconds]).astype(np.float64)
    numbers[~present] = np.nan
    return numbers
