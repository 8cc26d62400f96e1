"""What callers may send instead of single numbers: labels, lists, times, and texts of their own.

A text becomes its code before the input rules check it, column by column. An unknown text is
refused like a number out of range: with column, row and expected values. The record does not
contain the text.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import nan
from typing import cast

import numpy as np

from goldenpath.errors import InvalidInput
from goldenpath.project.spec import Feature
from goldenpath.project.task.feature_parts import (
    EXPECTED_MOMENT,
    DeclaredFeature,
    moment_numbers,
)
from goldenpath.project.task.text_parts import expected_text, packed, text_fault
from goldenpath.serve.model.model import Doubles
from goldenpath.serve.protocol.inputs import Refusal, Unfit, ValueFault, expectation

MOST_SHOWN = 40
"""Characters of an unknown text or name that a refusal repeats."""


Given = int | float | str | None
"""A value as a caller may send it; None and an empty text mean a missing value."""
GivenPart = Given | list[float | None]
"""A value of a row: one number or text, or the numbers of a vector."""


@dataclass(frozen=True, slots=True)
class LabelledColumn:
    """One feature and the codes of its labels."""

    name: str
    expected: str
    has_labels: bool
    _codes: Mapping[Given, float]
    _is_closed: bool = False
    """Whether a number that is none of the codes is refused here, not by the input rules."""

    @classmethod
    def of(cls, feature: Feature) -> "LabelledColumn":
        """From the contract."""
        known: dict[Given, float] = {None: nan}
        names = feature.labels or feature.texts
        if names:
            known |= {"": nan, **dict(zip(names, feature.codes, strict=True))}
        # Callers who keep codes as numbers send them as numbers.
        known |= {int(text): known[text] for text in feature.texts if _is_whole(text)}
        return cls(feature.name, expectation(feature), bool(names), known, bool(feature.texts))

    def codes_of(self, values: Sequence[Given]) -> list[float]:
        """Return numbers unchanged, and the code of each text.

        Raises `Unfit` for a text that is no label, `InvalidInput` if there are no labels.
        """
        known = self._codes
        if self._is_closed:
            row = next((row for row, value in enumerate(values) if value not in known), None)
            if row is not None:
                unknown = sum(value not in known for value in values)
                raise self._refusal(row, _shown(values[row]), unknown, len(values))
        codes = list(map(known.get, values, values))
        if str in set(map(type, codes)):
            row = next(row for row, code in enumerate(codes) if isinstance(code, str))
            unknown = sum(isinstance(code, str) for code in codes)
            raise self._refusal(row, str(codes[row]), unknown, len(codes))
        return cast("list[float]", codes)

    def _refusal(self, row: int, text: str, unknown: int, rows: int) -> InvalidInput:
        if not self.has_labels:
            return InvalidInput(f"row {row}, column {self.name} is a text: expected a number")
        place = f"row {row}, column {self.name}: expected {self.expected}"
        readable = text.encode("utf-8", "backslashreplace").decode()
        faults = (ValueFault(self.name, "code", unknown),)
        return Unfit(Refusal(422, f"{place}, got {readable[:MOST_SHOWN]!r}", place, rows, faults))


def _is_whole(text: str) -> bool:
    """Return whether a text is a whole number as JSON writes it."""
    return text == "0" or (text.lstrip("-").isdecimal() and str(int(text)) == text)


def _shown(value: Given) -> str:
    return value if isinstance(value, str) else str(value)


def coded(values: Sequence[Given], columns: Sequence[LabelledColumn]) -> Doubles:
    """Return row-major values as flat numbers. Raises what `LabelledColumn.codes_of` raises."""
    width = len(columns)
    codes = np.empty(len(values))
    for place, column in enumerate(columns):
        codes[place::width] = column.codes_of(values[place::width])
    return codes


def text_of(raw: bytes) -> str:
    """Return a text from bytes; invalid UTF-8 becomes a text that is no label."""
    return raw.decode("utf-8", "surrogateescape")


def texts_in(name: str, raw: bytes, count: int) -> list[str]:
    """Read `count` texts, each after its four-byte little-endian length. Raises `InvalidInput`."""
    texts, place = [], 0
    try:
        for _ in range(count):
            (size,) = struct.unpack_from("<I", raw, place)
            place += 4
            texts.append(text_of(raw[place : place + size]))
            place += size
            if place > len(raw):
                break
    except struct.error:
        place = -1
    if place != len(raw):
        raise InvalidInput(
            f"input {name} has {len(raw)} binary bytes: expected {count} texts, each after its "
            "length in four bytes"
        )
    return texts


def moments(name: str, texts: Sequence[object]) -> Doubles:
    """Return day and second of each time, NaN for a missing one. Raises `Unfit` for others."""
    numbers = np.full((len(texts), 2), nan)
    for row, text in enumerate(texts):
        if text is not None and text != "":
            numbers[row] = _moment(name, row, text, len(texts))
    return numbers


def text_numbers(
    feature: DeclaredFeature, limit: int, texts: Sequence[object], place: tuple[int, int]
) -> Doubles:
    """Return the numbers of texts, shape `(n, width)`; an empty text is a missing one.

    `place` is the row of the first text, and the number of rows of the request. Raises `Unfit`
    for a value that is no text, and for one that is too long. The text is not repeated.
    """
    first, rows = place
    known: list[str | None] = []
    for row, text in enumerate(texts):
        fault = "" if text is None or text == "" else text_fault(text, limit)
        if fault or not (text is None or isinstance(text, str)):
            raise _unfit(feature.name, first + row, rows, expected=expected_text(limit), got=fault)
        known.append(text)
    return packed(known, feature.width)


def flat_row(
    row: Mapping[str, GivenPart],
    declared: Sequence[DeclaredFeature],
    place: int,
    rows: int,
    *,
    limits: Mapping[str, int],
) -> list[Given]:
    """Return the values of a row, one for each column of the model's input.

    Raises `Unfit` for a vector of another length, a text that is no time, and a text that is
    longer than declared.
    """
    flat: list[Given] = []
    for feature in declared:
        value = row.get(feature.name)
        if value is None:
            flat += [None] * feature.width
        elif feature.part == "days":
            flat += [*_moment(feature.name, place, value, rows)]
        elif feature.part == "text":
            numbers = text_numbers(feature, limits[feature.name], [value], (place, rows))
            flat += numbers[0].tolist()
        elif feature.part == "element":
            flat += _vector(feature, value, place, rows)
        elif isinstance(value, list):
            got = f"{len(value)} in a list"
            raise _unfit(feature.name, place, rows, expected="one value", got=got)
        else:
            flat.append(value)
    return flat


def _vector(feature: DeclaredFeature, value: object, place: int, rows: int) -> list[Given]:
    expected = f"a list of {feature.width} numbers"
    if not isinstance(value, list):
        got = repr(value)[:MOST_SHOWN]
        raise _unfit(feature.name, place, rows, expected=expected, got=got)
    if len(value) != feature.width:
        got = f"{len(value)} numbers"
        raise _unfit(feature.name, place, rows, expected=expected, got=got)
    return value


def _moment(name: str, place: int, value: object, rows: int) -> tuple[float, float]:
    try:
        return moment_numbers(value) if isinstance(value, str) else _refused(value)
    except ValueError as error:
        shown = repr(value)[:MOST_SHOWN]
        raise _unfit(name, place, rows, expected=EXPECTED_MOMENT, got=shown) from error


def _refused(value: object) -> tuple[float, float]:
    raise ValueError(value)


def _unfit(name: str, row: int, rows: int, *, expected: str, got: str) -> Unfit:
    note = f"row {row}, column {name}: expected {expected}"
    return Unfit(Refusal(422, f"{note}, got {got}", note, rows, (ValueFault(name, "range", 1),)))
