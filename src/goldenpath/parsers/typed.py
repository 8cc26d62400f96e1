"""Turns parsed values into `msgspec` structs; a struct is both the type and the schema of a file.

`msgspec` is fast but stops at the first fault. If it finds one, the value is checked against the
JSON schema of the type, so that the user sees all faults at once.
"""

from functools import cache
from pathlib import Path
from typing import TypeVar, cast

import msgspec

from goldenpath.canonical import MAX_DOCUMENT, JsonValue, check_bounds, parse_json
from goldenpath.errors import InvalidInput, Unavailable
from goldenpath.parsers.fault import Fault
from goldenpath.parsers.violations import violations

T = TypeVar("T")


def typed(value: object, kind: type[T], what: str, *, hint: str | None = None) -> T:
    """Return a parsed `value` as a `kind`. Raises `InvalidInput` that lists all faults."""
    try:
        return msgspec.convert(value, kind)
    except (msgspec.ValidationError, RecursionError) as error:
        refuse(type_faults(value, kind, what), what, hint=hint)
        # A rule that JSON schema cannot express, such as a check in `__post_init__`.
        raise InvalidInput(f"{what} is wrong: {error}", hint=hint) from error


def parse_typed(content: bytes, kind: type[T], what: str, *, hint: str | None = None) -> T:
    """Return a JSON document as a `kind`. Raises `InvalidInput` that lists all faults."""
    return typed(parse_json(content, what), kind, what, hint=hint)


def read_typed(path: Path, kind: type[T], *, hint: str | None = None) -> T:
    """Read a file of one JSON document. Raises `FileNotFoundError` and `InvalidInput`."""
    return parse_typed(read_bounded(path, MAX_DOCUMENT), kind, str(path), hint=hint)


def decode_record(content: bytes, kind: type[T], what: str, *, hint: str | None = None) -> T:
    """Return a JSON document that another process of goldenpath wrote, as a `kind`.

    Five times as fast as `parse_typed`, but it does not notice duplicate keys. That is safe: no
    other program reads these bytes, so nobody can read them differently.
    """
    check_bounds(content, what)
    try:
        return msgspec.json.decode(content, type=kind)
    except (ValueError, RecursionError):
        return parse_typed(content, kind, what, hint=hint)


def read_record(path: Path, kind: type[T], *, hint: str | None = None) -> T:
    """Read a file that another process of goldenpath wrote. Raises like `read_typed`."""
    return decode_record(read_bounded(path, MAX_DOCUMENT), kind, str(path), hint=hint)


def read_bounded(path: Path, limit: int) -> bytes:
    """Return the bytes of a file of at most `limit` bytes.

    Raises `FileNotFoundError` if there is none, `Unavailable` if it cannot be read, and
    `InvalidInput` if it is larger.
    """
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Unavailable(f"{path} cannot be read: {error.strerror}") from error
    if len(content) > limit:
        raise InvalidInput(f"{path} is too large: expected at most {limit} bytes")
    return content


def type_faults(value: object, kind: type, what: str) -> tuple[Fault, ...]:
    """Return all violations of the schema of `kind` in `value`."""
    return violations(msgspec.to_builtins(value, str_keys=True), schema_of(kind), what)


@cache
def schema_of(kind: type) -> dict[str, JsonValue]:
    """Return the JSON schema of a type, for editors and for messages."""
    return cast(dict[str, JsonValue], msgspec.json.schema(kind))


def refuse(faults: tuple[Fault, ...], what: str, *, hint: str | None = None) -> None:
    """Raise `InvalidInput` that lists the faults, if there are any."""
    if faults:
        count = "a fault" if len(faults) == 1 else f"{len(faults)} faults"
        listed = "; ".join(str(fault).removeprefix(f"{fault.file}: ") for fault in faults)
        raise InvalidInput(f"{what} has {count}: {listed}", hint=hint)
