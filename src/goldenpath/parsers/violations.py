"""Lists the violations of a JSON schema as faults: the key, what was expected, what was found."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from goldenpath.canonical import JsonValue
from goldenpath.errors import did_you_mean
from goldenpath.parsers.fault import Fault

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

MAX_SHOWN = 60
"""Characters of a wrong value that a fault shows."""
_EXPECTATIONS: Mapping[str, str] = {
    "enum": "one of",
    "const": "exactly",
    "type": "a value of type",
    "pattern": "a text like",
    "format": "a",
    "minimum": "at least",
    "maximum": "at most",
    "exclusiveMinimum": "more than",
    "minItems": "a list with at least",
    "minLength": "a text of at least",
    "minProperties": "entries, at least",
}


def violations(value: object, schema: Mapping[str, JsonValue], file: str) -> tuple[Fault, ...]:
    """Return every violation of the schema in `value`, sorted by key.

    A fault says what was expected by the title of the type, or by the broken rule if it has none.
    """
    # The import takes half a second, and a file without faults never needs it.
    from jsonschema import Draft202012Validator, FormatChecker, validators

    extended: Callable[..., type[Draft202012Validator]] = validators.extend
    strict = extended(Draft202012Validator, {"pattern": _pattern_errors})
    validator = strict(schema, format_checker=FormatChecker())
    errors = sorted(validator.iter_errors(value), key=lambda error: str(error.json_path))
    return tuple(fault for error in errors for fault in _faults(error, file))


def _pattern_errors(
    validator: object, pattern: str, value: object, schema: object
) -> Iterator["ValidationError"]:
    """Yield the error of a text that does not match, as ECMA 262 defines `$`.

    In Python `$` also matches before a line break at the end, so a name could end with one.
    """
    from jsonschema.exceptions import ValidationError

    exact = f"{pattern[:-1]}\\Z" if pattern.endswith("$") else pattern
    if isinstance(value, str) and re.search(exact, value) is None:
        yield ValidationError(f"{value!r} does not match {pattern!r}")


def _faults(error: "ValidationError", file: str) -> Iterator[Fault]:
    at = _key(error)
    rule, limit, value = str(error.validator), error.validator_value, error.instance
    if rule == "additionalProperties" and isinstance(value, Mapping):
        known = sorted(error.schema.get("properties", {}))  # type: ignore[union-attr]
        for name in sorted(set(value) - set(known)):
            key = f"{at}.{name}".removeprefix(".")
            expected = "a known key: " + ", ".join(known)
            yield Fault(file, key, expected, "an unknown key", did_you_mean(name, known) or "")
    elif rule == "required":
        # jsonschema reports each missing key separately, as the first quoted text of its message.
        name = error.message.split("'")[1]
        yield Fault(file, f"{at}.{name}".removeprefix("."), "a value", "nothing")
    elif rule == "anyOf" and any("type" in str(inner.validator) for inner in error.context or ()):
        yield from _of_alternatives(error, file)
    else:
        yield Fault(file, at, _title(error) or _expectation(rule, limit), _shown(value))


def _title(error: "ValidationError") -> str:
    schema = error.schema
    if not isinstance(schema, Mapping) or "properties" in schema:
        return ""  # msgspec titles an object with its class name, which a user does not know
    return str(schema.get("title", ""))


def _of_alternatives(error: "ValidationError", file: str) -> Iterator[Fault]:
    """Yield the faults of the alternative whose type fits, or one fault that lists all types."""
    context = error.context or []
    wrong = {inner.schema_path[0] for inner in context if _is_of_type(inner)}
    right = [inner for inner in context if inner.schema_path[0] not in wrong]
    for inner in right:
        yield from _faults(inner, file)
    if not right:
        types = " or ".join(str(i.validator_value) for i in context if _is_of_type(i))
        yield Fault(file, _key(error), f"a value of type {types}", _shown(error.instance))


def _is_of_type(error: "ValidationError") -> bool:
    return error.validator == "type" and len(error.relative_path) == 0


def _key(error: "ValidationError") -> str:
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path]
    return "".join(parts).removeprefix(".")


def _expectation(rule: str, limit: object) -> str:
    if rule == "anyOf" and isinstance(limit, list):
        return " or ".join(f"a {each['required'][0]}" for each in limit)
    if rule == "uniqueItems":
        return "a list without repetitions"
    shown = ", ".join(map(str, limit)) if isinstance(limit, list) else str(limit)
    return f"{_EXPECTATIONS.get(rule, rule)} {shown}"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…"
