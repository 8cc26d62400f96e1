"""The tabular form: rows by column name in, decisions out."""

from collections.abc import Mapping, Sequence

import msgspec

from goldenpath.errors import InvalidInput
from goldenpath.serve.protocol.decision import PolicyDecision
from goldenpath.serve.protocol.labels import MOST_SHOWN, Given, coded
from goldenpath.serve.protocol.open_inference import Question, check_names
from goldenpath.serve.protocol.request_parameters import (
    RequestParameters,
    request_context,
    subjects_of,
)
from goldenpath.serve.protocol.tensors import MOST_ROWS, InputShape, to_float32


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

    rows: list[dict[str, float | str | None]]
    subjects: list[str] | None = None
    id: str = ""
    parameters: RequestParameters | None = None


class TabularAnswer(msgspec.Struct):
    """Return one decision per row, in order."""

    model: str
    release: str
    slot: str
    prediction_id: str
    id: str
    decisions: list[PolicyDecision]


_decoder = msgspec.json.Decoder(TabularRequest)
_labelled = msgspec.json.Decoder(LabelledRequest)


def read(body: bytes, shape: InputShape) -> Question:
    """Return the question in a body. Raises `InvalidInput` for an invalid request."""
    try:
        decoder = _labelled if shape.has_labels else _decoder
        request: TabularRequest | LabelledRequest = decoder.decode(body)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"the body is not a request: {error}") from error
    table: Sequence[Mapping[str, Given]] = request.rows
    count = len(table)
    if not 0 < count <= MOST_ROWS:
        raise InvalidInput(f"rows has {count} rows: expected 1 to {MOST_ROWS}")
    subjects, context = request.subjects, None
    if request.parameters is not None:
        subjects = subjects_of(request.parameters) if subjects is None else subjects
        context = request_context(request.parameters, count)
    check_names(request.id, subjects, count)
    known = set(shape.names)
    values: list[Given] = []
    for number, row in enumerate(table):
        if not row.keys() <= known:
            others = sorted(row.keys() - known)[:10]
            unknown = ", ".join(name[:MOST_SHOWN] for name in others)
            raise InvalidInput(f"row {number} has columns that the contract does not: {unknown}")
        values += [row.get(name) for name in shape.names]
    flat = coded(values, shape.columns) if shape.has_labels else to_float32(values)
    rows = flat.reshape(count, len(shape.names))
    return Question(rows, count, request.id, subjects, "tabular", context=context)
