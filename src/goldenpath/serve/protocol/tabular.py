"""The tabular form: rows by column name in, decisions out."""

from collections.abc import Mapping, Sequence
from typing import cast

import msgspec
import numpy as np

from goldenpath.canonical import refuse_repeated_keys
from goldenpath.errors import InvalidInput
from goldenpath.serve.protocol.decision import PolicyDecision
from goldenpath.serve.protocol.labels import MOST_SHOWN, Given, GivenPart, coded, flat_row
from goldenpath.serve.protocol.open_inference import Question, check_names
from goldenpath.serve.protocol.request_parameters import (
    RequestParameters,
    keys_of,
    request_context,
    subjects_of,
)
from goldenpath.serve.protocol.tensors import MOST_ROWS, InputShape


class TabularRequest(msgspec.Struct):
    """`rows` by column name; null or an absent column is a missing value.

    `subjects` may stand beside `rows` or among the parameters.
    """

    rows: list[dict[str, float | None]]
    subjects: list[str] | None = None
    id: str = ""
    parameters: RequestParameters | None = None


class LabelledRequest(msgspec.Struct):
    """The same body, with labels allowed instead of codes."""

    rows: list[dict[str, int | float | str | None]]
    """Whole numbers stay whole: a code may have more digits than a float holds."""
    subjects: list[str] | None = None
    id: str = ""
    parameters: RequestParameters | None = None


class PartedRequest(msgspec.Struct):
    """The same body, with vectors as lists and times as texts."""

    rows: list[dict[str, int | float | str | list[float | None] | None]]
    subjects: list[str] | None = None
    id: str = ""
    parameters: RequestParameters | None = None


AnyRequest = TabularRequest | LabelledRequest | PartedRequest


class TabularAnswer(msgspec.Struct):
    """Return one decision per row, in order."""

    model: str
    release: str
    slot: str
    prediction_id: str
    id: str
    decisions: list[PolicyDecision]


class _UntypedRows(msgspec.Struct):
    rows: list[dict[str, object]]


_decoder = msgspec.json.Decoder(TabularRequest)
_labelled = msgspec.json.Decoder(LabelledRequest)
_parted = msgspec.json.Decoder(PartedRequest)


def read(body: bytes, shape: InputShape) -> Question:
    """Return the question in a body. Raises `InvalidInput` for an invalid request."""
    try:
        request = _decoded(body, shape)
    except msgspec.ValidationError as error:
        place = _misfit(body, shape)
        raise InvalidInput(place or f"the body is not a request: {error}") from error
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"the body is not a request: {error}") from error
    table: Sequence[Mapping[str, GivenPart]] = request.rows
    refuse_repeated_keys(body, _keys(request), "the body")
    count = len(table)
    if not 0 < count <= MOST_ROWS:
        raise InvalidInput(f"rows has {count} rows: expected 1 to {MOST_ROWS}")
    subjects, context = request.subjects, None
    if request.parameters is not None:
        subjects = subjects_of(request.parameters) if subjects is None else subjects
        context = request_context(request.parameters, count)
    check_names(request.id, subjects, count)
    known = {each.name for each in shape.declared} or set(shape.names)
    values: list[Given] = []
    for number, row in enumerate(table):
        if not row.keys() <= known:
            others = sorted(row.keys() - known)[:10]
            unknown = ", ".join(name[:MOST_SHOWN] for name in others)
            raise InvalidInput(f"row {number} has columns that the contract does not: {unknown}")
        if shape.declared:
            values += flat_row(row, shape.declared, number, count, limits=shape.limits)
        else:
            values += [cast("Given", row.get(name)) for name in shape.names]
    is_coded = shape.has_labels or bool(shape.declared)
    flat = coded(values, shape.columns) if is_coded else np.array(values, np.float64)
    rows = flat.reshape(count, len(shape.names))
    return Question(rows, count, request.id, subjects, "tabular", context=context)


def _decoded(body: bytes, shape: InputShape) -> AnyRequest:
    if shape.declared:
        return _parted.decode(body)
    return _labelled.decode(body) if shape.has_labels else _decoder.decode(body)


def _misfit(body: bytes, shape: InputShape) -> str:
    """Return a sentence on the first value of another type; empty if the fault is elsewhere."""
    try:
        table = msgspec.json.decode(body, type=_UntypedRows).rows
    except (ValueError, RecursionError):
        return ""
    if shape.declared:
        return _misfit_part(table)
    allowed = (int, float, str) if shape.has_labels else (int, float)
    for number, row in enumerate(table):
        for name, value in row.items():
            if value is None or (isinstance(value, allowed) and not isinstance(value, bool)):
                continue
            kind = "a number or a text" if shape.has_labels else "a number"
            shown = msgspec.json.encode(value).decode("utf-8", "replace")[:MOST_SHOWN]
            return f"row {number}, column {name[:MOST_SHOWN]}: expected {kind}, got {shown}"
    return ""


def _misfit_part(table: Sequence[Mapping[str, object]]) -> str:
    """Return a sentence on the first value that is no number, no text and no list of numbers."""
    for number, row in enumerate(table):
        for name, value in row.items():
            values = value if isinstance(value, list) else [value]
            allowed = (int, float) if isinstance(value, list) else (int, float, str)
            wrong = [
                one
                for one in values
                if one is not None and (isinstance(one, bool) or not isinstance(one, allowed))
            ]
            if wrong:
                return (
                    f"row {number}, column {name[:MOST_SHOWN]}: expected a number, a text or a "
                    f"list of numbers, got a value of type {type(wrong[0]).__name__}"
                    f"{' in a list' if isinstance(value, list) else ''}"
                )
    return ""


def _keys(request: AnyRequest) -> int:
    """Return the fewest keys that the body of this request has."""
    optional = (request.id, request.subjects is not None, request.parameters is not None)
    known = keys_of(request.parameters) if request.parameters is not None else 0
    return 1 + sum(map(bool, optional)) + known + sum(map(len, request.rows))
