"""JSON schemas of the files that people write, and their violations as faults.

`goldenpath.schema.json` is published with the package, for editors.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Literal

from goldenpath.project.fault import Fault, did_you_mean

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError

SchemaName = Literal["goldenpath", "thresholds"]

MAX_SHOWN = 60
"""Characters of a wrong value that are shown."""


def schema_faults(value: object, schema: SchemaName, file: str) -> tuple[Fault, ...]:
    """Every violation of the schema in `value`, in the order of the file's keys."""
    errors = sorted(_validator(schema).iter_errors(value), key=lambda error: str(error.json_path))
    return tuple(fault for error in errors for fault in _faults(error, file))


def schema_text(schema: SchemaName) -> str:
    """The schema as it is published."""
    return resources.files(__package__).joinpath(f"{schema}.schema.json").read_text("utf-8")


@cache
def _validator(schema: SchemaName) -> "Draft202012Validator":
    # Half a second of imports, which most verbs never need.
    from jsonschema import Draft202012Validator, FormatChecker

    return Draft202012Validator(json.loads(schema_text(schema)), format_checker=FormatChecker())


def _faults(error: "ValidationError", file: str) -> Iterator[Fault]:
    at = _key(error)
    rule, limit, value = str(error.validator), error.validator_value, error.instance
    if rule == "additionalProperties" and isinstance(value, Mapping):
        known = sorted(error.schema.get("properties", {}))  # type: ignore[union-attr]
        for name in sorted(set(value) - set(known)):
            key = f"{at}.{name}".removeprefix(".")
            expected = "a known key: " + ", ".join(known)
            yield Fault(file, key, expected, "an unknown key", did_you_mean(name, known))
    elif rule == "required":
        # jsonschema reports each missing key apart, and quotes it first in its message.
        name = error.message.split("'")[1]
        yield Fault(file, f"{at}.{name}".removeprefix("."), "a value", "nothing")
    else:
        yield Fault(file, at, _expectation(rule, limit), _shown(value))


def _key(error: "ValidationError") -> str:
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path]
    return "".join(parts).removeprefix(".")


def _expectation(rule: str, limit: object) -> str:
    words: Mapping[str, str] = {
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
    if rule == "anyOf":
        return "a minimum or a maximum"
    if rule == "uniqueItems":
        return "a list without repetitions"
    shown = ", ".join(map(str, limit)) if isinstance(limit, list) else str(limit)
    return f"{words.get(rule, rule)} {shown}"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…"
