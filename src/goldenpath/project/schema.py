"""JSON schemas of the files that people write, and checks against them.

`goldenpath check --schema` prints `goldenpath.schema.json` for editors.
"""

from functools import cache
from importlib import resources
from typing import Literal

from goldenpath.canonical import JsonValue, parse_object
from goldenpath.parsers.fault import Fault
from goldenpath.parsers.violations import violations

SchemaName = Literal["goldenpath", "thresholds"]


def schema_faults(value: object, schema: SchemaName, file: str) -> tuple[Fault, ...]:
    """Return every violation of the schema in `value`, in the order of the file's keys."""
    return violations(value, _schema(schema), file)


def schema_text(schema: SchemaName) -> str:
    """Return the text of the schema."""
    return resources.files(__package__).joinpath(f"{schema}.schema.json").read_text("utf-8")


@cache
def _schema(schema: SchemaName) -> dict[str, JsonValue]:
    return parse_object(schema_text(schema).encode(), f"{schema}.schema.json")
