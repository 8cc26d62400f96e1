"""Turns rows of a table into the numbers of a contract, and names the rows that it refuses.

The rules are those of the server (`InputRules`). A text that is no category and no number becomes
infinite, which every contract refuses, so that the server counts the row as refused too.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from goldenpath.errors import InvalidInput
from goldenpath.project.number_text import number_text
from goldenpath.project.spec import Contract, Feature
from goldenpath.serve.protocol.inputs import InputRules, expectation
from goldenpath.train.data.part_columns import with_parts
from goldenpath.train.data.table_file import Column, is_gap, is_text, numbers_of, plain_column

_MOST_SHOWN = 40


@dataclass(frozen=True, slots=True, eq=False)
class TableRows:
    """Rows of a table as a model takes them."""

    values: NDArray[np.float32]
    """Shape `(n, features)`. Values that are refused are infinite, missing ones NaN."""
    refusals: Mapping[int, str]
    """Why the contract refuses a row, by its place."""


def table_rows(table: pa.Table, contract: Contract, rules: InputRules) -> TableRows:
    """Return the rows of a table that has a column for each feature.

    Raises `InvalidInput` for a column whose type no feature has, such as a list.
    """
    given, unreadable = given_numbers(table, contract)
    with np.errstate(over="ignore"):
        values = given.astype(np.float32)
    right = rules.accept(values)
    exact = rules.exact(given, values)
    if right is None and exact is None and not unreadable:
        return TableRows(values, {})
    fits = np.ones(values.shape, np.bool_) if right is None else right
    fits = fits if exact is None else fits & exact
    refusals = {}
    for row in np.flatnonzero(~fits.all(axis=1)).tolist():
        part = slice(row, row + 1)
        message = rules.refusal(values[part], fits[part], given[part]).message
        refusals[row] = unreadable.get(row) or message.replace("row 0, ", "")
    values[~fits & ~np.isnan(values)] = np.inf
    return TableRows(values, refusals)


def given_numbers(
    table: pa.Table, contract: Contract
) -> tuple[NDArray[np.float64], Mapping[int, str]]:
    """Return the features as numbers, not yet judged, and what could not be read, by row.

    Raises `InvalidInput` for a column whose type no feature has.
    """
    unreadable: dict[int, str] = {}
    table = with_parts(table, contract, unreadable)
    given = np.empty((table.num_rows, len(contract.features)))
    for place, feature in enumerate(contract.features):
        given[:, place] = _column(feature, table[feature.name], unreadable)
    return given, unreadable


def _column(feature: Feature, values: Column, unreadable: dict[int, str]) -> NDArray[np.float64]:
    """Return one column as numbers; the first unreadable value of a row goes to `unreadable`."""
    plain = plain_column(values)
    if plain is None:
        kind = values.type
        raise InvalidInput(f"column {feature.name!r} holds {kind}: expected numbers or texts")
    values, kind = plain, plain.type
    if feature.texts:
        return _codes(feature, _texts(values), unreadable, feature.texts)
    if not is_text(kind):
        if pa.types.is_boolean(kind):
            values = values.cast(pa.int8())
        numbers: NDArray[np.float64] = np.asarray(values.cast(pa.float64()).to_numpy(), np.float64)
        return numbers
    numbers = numbers_of(values)
    wrong = np.isnan(numbers) & ~is_gap(values)
    if not wrong.any():
        return numbers
    if feature.labels:
        labels = pc.if_else(pa.array(wrong), values, None)
        return np.where(wrong, _codes(feature, labels, unreadable, feature.labels), numbers)
    _note(feature, values, np.flatnonzero(wrong), unreadable)
    numbers[wrong] = np.inf
    return numbers


def _codes(
    feature: Feature, values: Column, unreadable: dict[int, str], texts: tuple[str, ...]
) -> NDArray[np.float64]:
    """Return the code of each text; an empty text is a missing one."""
    known: dict[object, float] = dict(zip(texts, feature.codes, strict=True))
    known |= {None: np.nan, "": np.nan}
    codes = np.array([known.get(text, np.inf) for text in values.to_pylist()], np.float64)
    _note(feature, values, np.flatnonzero(np.isinf(codes)), unreadable)
    return codes


def _note(
    feature: Feature, values: Column, rows: NDArray[np.intp], unreadable: dict[int, str]
) -> None:
    for row in rows.tolist():
        shown = str(values[row].as_py())[:_MOST_SHOWN]
        message = f"column {feature.name}: expected {expectation(feature)}, got {shown!r}"
        unreadable.setdefault(row, message)


def _texts(values: Column) -> Column:
    """Return a column of any kind as the texts that a contract may declare."""
    if pa.types.is_floating(values.type):
        listed = [None if n is None or n != n else number_text(n) for n in values.to_pylist()]
        return pa.chunked_array([pa.array(listed, pa.string())])
    return values.cast(pa.string())
