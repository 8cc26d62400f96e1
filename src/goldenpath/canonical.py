"""One JSON text per value, and strict reading of it.

What is hashed or signed is written by RFC 8785 (JSON Canonicalization Scheme). What is read must
be JSON that two parsers cannot understand differently: duplicate keys, NaN and trailing text are
refused, since a verifier and a user of a document that disagree about it are an attack.
"""

import json
from typing import NoReturn

import rfc8785

from goldenpath.errors import InvalidInput

JsonValue = None | bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"]

MAX_DOCUMENT = 16 * 1024 * 1024
"""Bytes of the largest JSON document that is read, 16 MiB."""


def canonical_json(value: object) -> bytes:
    """`value` as canonical JSON. Raises `InvalidInput` for what JSON cannot say."""
    try:
        return rfc8785.dumps(value)  # type: ignore[arg-type]
    except rfc8785.CanonicalizationError as error:
        raise InvalidInput(f"the value has no canonical JSON form: {error}") from error


def parse_json(content: bytes, what: str) -> JsonValue:
    """The value of a JSON document; `what` names it in messages.

    Raises `InvalidInput` for bad UTF-8, bad JSON, a duplicate key, NaN or more than `MAX_DOCUMENT`.
    """
    if len(content) > MAX_DOCUMENT:
        raise InvalidInput(f"{what} is too large: expected at most {MAX_DOCUMENT} bytes")
    try:
        value: JsonValue = json.loads(
            content.decode("utf-8"), object_pairs_hook=_object, parse_constant=_constant
        )
    except (UnicodeDecodeError, RecursionError, ValueError) as error:
        raise InvalidInput(f"{what} is not valid JSON: {error}") from error
    return value


def parse_object(content: bytes, what: str) -> dict[str, JsonValue]:
    """Like `parse_json`, for a document that has to be an object."""
    value = parse_json(content, what)
    if not isinstance(value, dict):
        raise InvalidInput(f"{what} is not a JSON object")
    return value


def _object(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    result = dict(pairs)
    if len(result) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"key {twice!r} stands twice")
    return result


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
