"""Fields of objects that an API server answered: a field of another type is an empty one."""

from collections.abc import Mapping

from goldenpath.canonical import JsonValue


def members(value: JsonValue) -> Mapping[str, JsonValue]:
    """Return a mapping; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def entries(value: JsonValue) -> list[Mapping[str, JsonValue]]:
    """Return the mappings of a list; none for anything else."""
    return [members(entry) for entry in value] if isinstance(value, list) else []
