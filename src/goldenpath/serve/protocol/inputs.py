"""The input contract, checked for a whole batch at once.

A value is valid if it is in the range of its feature, is one of its categories, and is present
unless it may be missing. Everything is compared as 32-bit floats, which is what the model sees.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from goldenpath.errors import InvalidInput
from goldenpath.project.number_text import number_text
from goldenpath.project.spec import Contract, Feature
from goldenpath.project.task.feature_parts import declared_features
from goldenpath.project.task.text_parts import are_texts, expected_text, made_up_texts, packed
from goldenpath.serve.model.model import Doubles, Rows

WHOLE_NUMBER = "a whole number only if a 32-bit float holds it (all do up to 16777216)"
"""What is allowed of a number that was in range and would have been rounded."""
MOST_FAULTS = 10
"""Faults that a refusal names; others are only counted."""

_LARGEST = float(np.finfo(np.float32).max)
_EXACT = 2.0**24
"""Every whole number up to this one is a 32-bit float."""
_READ_EXACTLY = 2.0**53
"""From here on JSON numbers were rounded when they were read."""
_FEW_CODES = 64
"""Up to so many codes a value is compared with each; with more it is searched."""
_MAGNITUDE = 2.0**64
"""From here on a number is no integer of the protocol, but a magnitude."""


FaultKind = Literal["code", "missing", "range"]
"""An unknown code or text, no value where one is needed, or a number out of its range."""


VALUE_REASONS: dict[FaultKind, str] = {
    "code": "unknown code",
    "missing": "missing value",
    "range": "out of range",
}
"""How records, metrics and people name a kind of fault."""
REASONS_JOINED, REASONS_END = " and ", ": "


class ValueFault(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Rows of a request whose value in one column is against the contract; no value is in it."""

    column: str
    kind: FaultKind
    rows: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal of a request. `note` goes to the record and contains no input value."""

    status: int
    message: str
    note: str
    asked: int = 0
    """Number of rows of a request that was refused because of its values."""
    faults: tuple[ValueFault, ...] = ()
    """For each column and kind of fault, the number of its rows."""

    @property
    def recorded(self) -> str:
        """The note of the record: it begins with the kinds of faults, if they are known."""
        kinds = dict.fromkeys(VALUE_REASONS[fault.kind] for fault in self.faults)
        return f"{REASONS_JOINED.join(kinds)}{REASONS_END}{self.note}" if kinds else self.note


class Unfit(InvalidInput):
    """Raised for a readable request with a value that the contract does not allow."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


class InputRules:
    """The rules of one contract, compiled to arrays."""

    def __init__(self, contract: Contract) -> None:
        features = contract.features
        self._features = features
        self.names = [feature.name for feature in features]
        low, high = zip(*(_bounds(feature) for feature in features), strict=True)
        self._low = np.array(low, dtype=np.float32)
        self._high = np.array(high, dtype=np.float32)
        self._missing = np.array([feature.missing for feature in features])
        self._any_missing = bool(self._missing.any())
        coded = [i for i, f in enumerate(features) if f.kind == "category" and f.categories]
        runs = [i for i in coded if _is_a_run(features[i].codes)]
        others = [i for i in coded if i not in runs]
        listed = [i for i in others if len(features[i].codes) <= _FEW_CODES]
        self._many = [(i, _sorted_codes(features[i])) for i in others if i not in listed]
        """Columns with too many codes to compare each value with each of them."""
        whole = sorted([*runs, *(i for i, f in enumerate(features) if f.whole)])
        self._has_wholes = bool(whole)
        self._broken = np.array([i not in whole for i in range(len(features))])
        """Whether each feature may have decimals."""
        self._listed = np.array(listed, dtype=np.intp)
        self._codes = _padded([features[i].codes for i in listed])
        self._plain = list(zip(self._low.tolist(), self._high.tolist(), strict=True))
        self._plain_whole, self._has_lists = whole, bool(others)
        self._coded = coded
        self._texts = [
            (slice(each.start, each.start + each.width), features[each.start].bytes)
            for each in declared_features(contract)
            if each.part == "text"
        ]
        """The columns of each text, and the most bytes that it may have."""
        self._large = [i for i, bounds in enumerate(self._plain) if max(map(abs, bounds)) >= _EXACT]
        """Columns in which a whole number may be none of the 32-bit floats."""

    def accepts_row(self, values: Sequence[float]) -> bool:
        """Return whether one row is certainly valid; if not certain, `accept` decides.

        For one row an array costs five times as much as a loop. Rounding to 32 bits keeps order,
        so a value between two 32-bit bounds stays between them.
        """
        for value, (low, high) in zip(values, self._plain, strict=True):
            if not low <= value <= high:
                return False
        for place in self._large:
            if not -_EXACT <= values[place] <= _EXACT and not _is_exact(values[place]):
                return False
        if self._texts or self._has_lists:
            return False
        return not any(values[place] % 1.0 for place in self._plain_whole)

    def accept(self, rows: Rows) -> NDArray[np.bool_] | None:
        """Return which values are valid, in the shape of `rows`; None if all are."""
        right = rows >= self._low
        right &= rows <= self._high
        if self._has_wholes:
            # Checking all columns at once is faster than selecting some.
            right &= (np.rint(rows) == rows) | self._broken
        if len(self._listed):
            values = rows[:, self._listed]
            right[:, self._listed] &= (values[:, :, None] == self._codes).any(axis=2)
        for place, codes in self._many:
            column = rows[:, place]
            nearest = codes[np.searchsorted(codes, column).clip(0, len(codes) - 1)]
            right[:, place] &= nearest == column
        if self._any_missing:
            right |= np.isnan(rows) & self._missing
        for columns, limit in self._texts:
            right[:, columns] &= are_texts(rows[:, columns], limit)[:, None]
        return None if right.all() else right

    def exact(self, given: list[float] | Rows | Doubles, rows: Rows) -> NDArray[np.bool_] | None:
        """Return which values of one request `rows` holds exactly; None if all.

        A code has to be exact, and so has a whole number. Other numbers are rounded to 32 bits.
        """
        if self.is_exact_at_once(given, rows):
            return None
        doubles = np.asarray(given, np.float64).reshape(rows.shape)
        same = (doubles == rows) | np.isnan(doubles)
        is_whole = (np.rint(doubles) == doubles) & (np.abs(doubles) < _MAGNITUDE)
        is_read = np.abs(doubles) < _READ_EXACTLY
        exact: NDArray[np.bool_] = ~is_whole | (same & is_read)
        exact[:, self._coded] = same[:, self._coded]
        # Beyond 32 bits a value is infinite in the rows, which the rules refuse.
        exact |= np.isinf(rows)
        return None if exact.all() else exact

    def is_exact_at_once(self, given: list[float] | Rows | Doubles, rows: Rows) -> bool:
        """Return whether every value is certainly exact, by few operations for any rows."""
        if not isinstance(given, list) and given.dtype == rows.dtype:
            return True
        if self._large and (np.abs(rows[:, self._large]) >= _EXACT).any():
            return False
        if isinstance(given, list):
            width = rows.shape[1]
            return all(given[at::width] == rows[:, at].tolist() for at in self._coded)
        return not self._coded or bool((given[:, self._coded] == rows[:, self._coded]).all())

    def refusal(
        self,
        rows: Rows,
        right: NDArray[np.bool_],
        given: list[float] | Rows | Doubles | None = None,
    ) -> Refusal:
        """Return the faults of the rows of one request: column, row and reason.

        `given` are the values before they were rounded.
        """
        values = rows if given is None else np.asarray(given, np.float64).reshape(rows.shape)
        fits = self.accept(rows)
        named = right.copy()
        for columns, _ in self._texts:  # one fault for each text, not for each of its numbers
            named[:, columns.start] = right[:, columns].all(axis=1)
            named[:, columns.start + 1 : columns.stop] = True
        places = np.argwhere(~named)
        messages, notes = [], []
        for row, column in places[:MOST_FAULTS]:
            feature = self._features[column]
            place = f"row {row}, column {_caller_name(feature)}"
            expected = expectation(feature)
            if feature.part == "text":
                got = "nothing" if np.isnan(rows[row, column]) else "other bytes"
                messages.append(f"{place}: expected {expected}, got {got}")
                notes.append(f"{place}: expected {expected}")
                continue
            if feature.kind == "number" and (fits is None or fits[row, column]):
                expected = f"{expected}, and {WHOLE_NUMBER}"
            messages.append(f"{place}: expected {expected}, got {_got(values[row, column])}")
            notes.append(f"{place}: expected {expected}")
        if len(places) > MOST_FAULTS:
            more = f"and {len(places) - MOST_FAULTS} more"
            messages.append(more)
            notes.append(more)
        faults = tuple(self._faults(rows, named))
        return Refusal(422, "; ".join(messages), "; ".join(notes), len(rows), faults)

    def _faults(self, rows: Rows, right: NDArray[np.bool_]) -> Iterator[ValueFault]:
        """Yield the faults of each column by kind, for drift: a refused code is drift as well."""
        for column in np.flatnonzero(~right.all(axis=0)):
            feature, wrong = self._features[column], rows[~right[:, column], column]
            missing = int(np.count_nonzero(np.isnan(wrong)))
            if missing:
                yield ValueFault(_caller_name(feature), "missing", missing)
            if missing < len(wrong):
                kind: FaultKind = "code" if feature.kind == "category" else "range"
                yield ValueFault(_caller_name(feature), kind, len(wrong) - missing)

    def examples(self, count: int) -> Rows:
        """Return valid, different rows for the warm-up; the same ones each time."""
        random = np.random.default_rng(0)
        columns = [_examples(feature, count, random) for feature in self._features]
        rows: Rows = np.column_stack(columns).astype(np.float32)
        for columns_of_text, limit in self._texts:
            width = columns_of_text.stop - columns_of_text.start
            rows[:, columns_of_text] = packed(made_up_texts(count, limit), width)
        return rows


def _bounds(feature: Feature) -> tuple[float, float]:
    low = -_LARGEST if feature.minimum is None else feature.minimum
    high = _LARGEST if feature.maximum is None else feature.maximum
    if feature.kind == "category" and feature.categories:
        return max(low, min(feature.codes)), min(high, max(feature.codes))
    return low, high


def _is_a_run(codes: tuple[float, ...]) -> bool:
    """Return whether the codes are consecutive whole numbers, which need no list to check."""
    least = min(codes)
    return sorted(codes) == [least + step for step in range(len(codes))] and all(
        float(code).is_integer() for code in codes
    )


def _sorted_codes(feature: Feature) -> Rows:
    codes: Rows = np.sort(np.array(feature.codes, np.float32))
    return codes


def _padded(codes: list[tuple[float, ...]]) -> Rows:
    width = max((len(some) for some in codes), default=0)
    return np.array([(*some, *([some[0]] * (width - len(some)))) for some in codes], np.float32)


def _caller_name(feature: Feature) -> str:
    """Return the name of a column as callers know it: the numbers of a text have no own names."""
    return feature.part_of if feature.part == "text" else feature.name


def expectation(feature: Feature) -> str:
    """Return the expected values of the feature, as text."""
    if feature.part == "text":
        return expected_text(feature.bytes)
    if feature.kind == "category" and feature.categories:
        known = ", ".join(feature.code_names[:20])
        return f"one of {known}" + (", …" if len(feature.categories) > 20 else "")
    low, high = feature.minimum, feature.maximum
    if feature.whole:
        return f"a whole number, {_range_text(low, high)}"
    return _range_text(low, high)


def _range_text(low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f"{number_text(low)} to {number_text(high)}"
    if low is not None:
        return f"at least {number_text(low)}"
    return f"at most {number_text(high)}" if high is not None else "a finite 32-bit number"


def _got(value: np.floating) -> str:
    if np.isnan(value):
        return "nothing"
    # A 32-bit float has a shorter text of its own than the same 64-bit float.
    return number_text(float(str(value)))


def _is_exact(value: float) -> bool:
    """Return whether a number in range is no whole number, or one that 32 bits hold."""
    if abs(value) >= _MAGNITUDE or value % 1.0:
        return True
    return abs(value) < _READ_EXACTLY and float(np.float32(value)) == value


def _examples(feature: Feature, count: int, random: np.random.Generator) -> Rows:
    if feature.categories:
        return random.choice(np.array(feature.codes, np.float32), count)
    low, high = _range(feature.minimum, feature.maximum)
    values = random.uniform(low, high, count).astype(np.float32).clip(low, high)
    return np.rint(values) if feature.whole else values


def _range(low: float | None, high: float | None) -> tuple[float, float]:
    """Return the range; without both bounds a part of the allowed range."""
    if low is None:
        return (-3.0, 3.0) if high is None else (high - 100.0, high)
    return low, low + 100.0 if high is None else high
