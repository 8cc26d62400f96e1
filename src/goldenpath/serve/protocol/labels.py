"""Texts that callers may send instead of codes, where the contract has labels.

A text becomes its code before the input rules look at it, column by column. One that the contract
does not know is refused like a number that is out of range: column, row and what was expected; the
record does not hold the text.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import nan
from typing import cast

import numpy as np

from goldenpath.errors import InvalidInput
from goldenpath.project.spec import Feature
from goldenpath.serve.model.model import Rows
from goldenpath.serve.protocol.inputs import Refusal, Unfit, expectation

MOST_SHOWN = 40
"""Characters of an unknown text or name that a refusal repeats."""


Given = float | str | None
"""A value as a caller may send it; nothing, and an empty text, mean a missing one."""


@dataclass(frozen=True, slots=True)
class LabelledColumn:
    """One feature, and what the texts mean that may be sent for it."""

    name: str
    expected: str
    has_labels: bool
    _codes: Mapping[Given, float]

    @classmethod
    def of(cls, feature: Feature) -> "LabelledColumn":
        """From the contract."""
        known: dict[Given, float] = {None: nan}
        if feature.labels:
            known |= {"": nan, **dict(zip(feature.labels, feature.categories, strict=True))}
        return cls(feature.name, expectation(feature), bool(feature.labels), known)

    def codes_of(self, values: Sequence[Given]) -> list[float]:
        """Numbers as they are, and the code of each text.

        Raises `Unfit` for a text that is no label, `InvalidInput` if there are no labels.
        """
        known = self._codes
        found = list(map(known.get, values, values))
        if str in set(map(type, found)):
            row = next(row for row, code in enumerate(found) if isinstance(code, str))
            raise self._refusal(row, str(found[row]))
        return cast("list[float]", found)

    def _refusal(self, row: int, text: str) -> InvalidInput:
        if not self.has_labels:
            return InvalidInput(f"row {row}, column {self.name} is a text: expected a number")
        place = f"row {row}, column {self.name}: expected {self.expected}"
        readable = text.encode("utf-8", "backslashreplace").decode()
        return Unfit(Refusal(422, f"{place}, got {readable[:MOST_SHOWN]!r}", place))


def coded(values: Sequence[Given], columns: Sequence[LabelledColumn]) -> Rows:
    """Row-major values as numbers, flat. Raises what `LabelledColumn.codes_of` raises."""
    width = len(columns)
    codes = np.empty(len(values), dtype=np.float32)
    # What is too large for 32 bits becomes infinite here and is refused by the input rules.
    with np.errstate(over="ignore"):
        for place, column in enumerate(columns):
            codes[place::width] = column.codes_of(values[place::width])
    return codes


def text_of(raw: bytes) -> str:
    """A text that came as bytes; what is not UTF-8 becomes something that no label is."""
    return raw.decode("utf-8", "surrogateescape")


def texts_in(name: str, raw: bytes, count: int) -> list[str]:
    """`count` texts, each after its length in four little-endian bytes. Raises `InvalidInput`."""
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
