"""Writes canonical JSON, and reads JSON strictly.

Whatever is hashed or signed is written by RFC 8785 (JSON Canonicalization Scheme), so a value has
exactly one text. The reader refuses duplicate keys, NaN and trailing text. Parsers disagree about
those, and an attacker could show one document to the verifier and another one to its user.
"""

import json
import re
from itertools import accumulate
from typing import NoReturn

import rfc8785

from goldenpath.errors import InvalidInput


class DuplicateKey(InvalidInput):
    """A JSON object has one key twice, so two parsers may read two different values."""


JsonValue = None | bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"]

MAX_DOCUMENT = 16 * 1024 * 1024
"""Bytes of the largest JSON document that is read, 16 MiB."""
MAX_DEPTH = 100
"""Levels of objects and lists that a file of any format may have. Our own files have a dozen."""

# RFC 8259, section 7. A string without a closing quote is skipped up to where the match stopped.
_ESCAPE = re.compile(rb"\\.", re.DOTALL)
_STRING = re.compile(rb'"[^"]*+"?')
_NO_STRUCTURE = bytes(set(range(256)) - set(b'[]{}"'))
_STEP = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


def canonical_json(value: object) -> bytes:
    """Return `value` as canonical JSON. Raises `InvalidInput` if JSON has no form for it."""
    try:
        return rfc8785.dumps(value)  # type: ignore[arg-type]
    except rfc8785.CanonicalizationError as error:
        raise InvalidInput(f"the value has no canonical JSON form: {error}") from error


def parse_json(content: bytes, what: str) -> JsonValue:
    """Return the value of a JSON document; `what` names the document in messages.

    Raises `InvalidInput` for bad UTF-8, bad JSON, a duplicate key (`DuplicateKey`), NaN, more
    bytes than `MAX_DOCUMENT` or more levels than `MAX_DEPTH`.
    """
    check_bounds(content, what)
    try:
        value: JsonValue = json.loads(
            content.decode("utf-8"), object_pairs_hook=_object, parse_constant=_constant
        )
    except DuplicateKey as error:
        raise DuplicateKey(f"{what} is not valid JSON: {error.message}") from error
    except (UnicodeDecodeError, RecursionError, ValueError) as error:
        raise InvalidInput(f"{what} is not valid JSON: {error}") from error
    return value


def parse_object(content: bytes, what: str) -> dict[str, JsonValue]:
    """Return the value of a JSON document that has to be an object. Raises as `parse_json`."""
    value = parse_json(content, what)
    if not isinstance(value, dict):
        raise InvalidInput(f"{what} is not a JSON object")
    return value


def refuse_repeated_keys(content: bytes, keys: int, what: str) -> None:
    """Raise `DuplicateKey` if an object of a valid JSON document has a key twice.

    For documents that another parser has read, which took one of two values. `keys` is the smallest
    number of keys that the values it read can have. A key has a colon, so with no more colons than
    keys there is no other one, and the document need not be read again.
    """
    if content.count(b":") > keys:
        parse_json(content, what)


def check_bounds(content: bytes, what: str) -> None:
    """Raise `InvalidInput` if a JSON document is too large or too deep for a recursive parser.

    The scan and a parser agree on what is a string up to the first syntax error. The parser stops
    there, so it does not matter what the scan makes of the rest.
    """
    if len(content) > MAX_DOCUMENT:
        raise InvalidInput(f"{what} is too large: expected at most {MAX_DOCUMENT} bytes")
    if content.count(b"[") + content.count(b"{") <= MAX_DEPTH:
        return
    plain = _ESCAPE.sub(b"", content) if b"\\" in content else content
    brackets = _STRING.sub(b"", plain.translate(None, _NO_STRUCTURE))
    if max(accumulate(map(_STEP.__getitem__, brackets)), default=0) > MAX_DEPTH:
        raise InvalidInput(f"{what} is nested too deeply: expected at most {MAX_DEPTH} levels")


def _object(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    result = dict(pairs)
    if len(result) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise DuplicateKey(f"key {twice!r} occurs twice")
    return result


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
