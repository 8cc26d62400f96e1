"""YAML that two readers cannot understand differently: no key twice, no alias, no tag, no merge."""

from goldenpath.canonical import JsonValue
from goldenpath.errors import InvalidInput

MAX_YAML = 256 * 1024
"""Bytes of the largest YAML file of the gitops repository."""


def parse_yaml(content: bytes, what: str) -> dict[str, JsonValue]:
    """The one mapping that the file holds. Raises `InvalidInput` naming file and line."""
    from goldenpath.gitops.loader import load

    if len(content) > MAX_YAML:
        raise InvalidInput(f"{what} is too large: expected at most {MAX_YAML} bytes")
    value = load(content, what)
    if not isinstance(value, dict):
        raise InvalidInput(f"{what} does not hold a mapping")
    return value


def render_yaml(value: object) -> bytes:
    """The YAML of a value, in the order of its keys."""
    from goldenpath.gitops.loader import dump

    return dump(value)
