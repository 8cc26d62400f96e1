"""Validates a manifest as a cluster's API server does, by the schemas of its definitions."""

import json
import lzma
from functools import cache
from pathlib import Path

import jsonschema

SCHEMAS = Path(__file__).parents[2] / "data" / "crds.json.xz"


@cache
def schemas() -> dict[str, dict[str, object]]:
    """JSON Schemas by kind."""
    with lzma.open(SCHEMAS) as file:
        read: dict[str, dict[str, object]] = json.loads(file.read())
        return read


def check(manifest: dict[str, object]) -> None:
    """Raise if a field of the manifest is unknown or wrong."""
    jsonschema.Draft7Validator(schemas()[str(manifest["kind"])]).validate(manifest)
