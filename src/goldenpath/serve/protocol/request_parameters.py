"""Parameters of a request: its context beside its values, the same for REST and gRPC.

Parameters never change an answer. Process and channel are stored unencrypted, so they are short
labels. Identifiers of outside data may lead to a person and are sealed with the inputs.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, TypeVar

import msgspec

from goldenpath.errors import InvalidInput
from goldenpath.serve.protocol.request_context import Oversight, RequestContext

MOST_KINDS = 8
"""Kinds of outside data that one row may name."""
LONGEST_REFERENCE = 256
"""Characters of the longest identifier of outside data."""
LABEL = "[A-Za-z0-9][A-Za-z0-9 ._:/-]{0,63}"
"""A process, a channel, or a kind of outside data."""

_LABEL = re.compile(LABEL)
Listed = TypeVar("Listed")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class RequestParameters(msgspec.Struct):
    """The known parameters of a request; others are ignored."""

    subjects: list[str] | str | None = None
    """A list, or its JSON as a text, because the protocol has no list parameters."""
    binary_data_output: bool = False
    process: str = ""
    channel: str = ""
    oversight: Oversight = ""
    features_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    reference_data: list[dict[str, str]] | str | None = None
    """Identifiers by kind, one object a row; or the JSON of that as a text."""


def keys_of(parameters: RequestParameters) -> int:
    """Return the fewest keys that these parameters have in JSON, those inside of them included."""
    references = parameters.reference_data
    optional = (
        parameters.subjects is not None,
        parameters.binary_data_output,
        parameters.process,
        parameters.channel,
        parameters.oversight,
        parameters.features_at is not None,
        references is not None,
    )
    inner = sum(map(len, references)) if isinstance(references, list) else 0
    return inner + sum(map(bool, optional))


def subjects_of(parameters: RequestParameters) -> list[str] | None:
    """Return the person of each row. Raises `InvalidInput` if a text is no JSON list of texts."""
    given = parameters.subjects
    return _listed("subjects", given, list[str]) if isinstance(given, str) else given


def request_context(parameters: RequestParameters, rows: int) -> RequestContext | None:
    """Return the context for the record; None if the parameters have none.

    Raises `InvalidInput` naming the parameter that is wrong.
    """
    process, channel, as_of = parameters.process, parameters.channel, parameters.features_at
    references = parameters.reference_data
    if isinstance(references, str):
        references = _listed("reference_data", references, list[dict[str, str]])
    if not (process or channel or parameters.oversight or as_of or references):
        return None
    for name, label in (("process", process), ("channel", channel)):
        if label and _LABEL.fullmatch(label) is None:
            raise InvalidInput(f"parameters.{name} is no label: expected {LABEL}")
    if references is not None:
        _check(references, rows)
    moment = 0 if as_of is None else (as_of - _EPOCH) // timedelta(microseconds=1) * 1000
    if not 0 <= moment < 2**63:
        raise InvalidInput("parameters.features_at is out of range: expected 1970 to 2261")
    return RequestContext(process, channel, parameters.oversight, moment, references)


def _listed(name: str, text: str, kind: type[Listed]) -> Listed:
    try:
        return msgspec.json.decode(text, type=kind)
    except ValueError as error:
        raise InvalidInput(f"the parameter {name} is no JSON list of texts: {error}") from error


def _check(references: list[dict[str, str]], rows: int) -> None:
    if len(references) != rows:
        raise InvalidInput(
            f"parameters.reference_data has {len(references)} objects: expected {rows}"
        )
    for row, names in enumerate(references):
        if len(names) > MOST_KINDS:
            raise InvalidInput(
                f"parameters.reference_data names {len(names)} kinds in row {row}: "
                f"expected at most {MOST_KINDS}"
            )
        for kind, name in names.items():
            if _LABEL.fullmatch(kind) is None:
                raise InvalidInput(
                    f"parameters.reference_data has a kind in row {row} that is no label: "
                    f"expected {LABEL}"
                )
            if not 0 < len(name) <= LONGEST_REFERENCE:
                raise InvalidInput(
                    f"parameters.reference_data has an identifier in row {row} of {len(name)} "
                    f"characters: expected 1 to {LONGEST_REFERENCE}"
                )
