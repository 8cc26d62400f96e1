"""YAML that two readers cannot understand differently: no key twice, no alias, no merge, no dates.

PyYAML is imported with the first file that has to be parsed: what git wants is kept by blob, so
that most looks at it parse none.
"""

from goldenpath.canonical import JsonValue
from goldenpath.errors import InvalidInput

MAX_YAML = 256 * 1024
"""Bytes of the largest YAML file of the gitops repository."""


def parse_yaml(
    content: bytes, what: str, *, limit: int = MAX_YAML, number_keys: bool = False
) -> dict[str, JsonValue]:
    """The one mapping that the file holds; `what` names it in messages.

    With `number_keys`, a key such as `2024` is taken as the text that stands there; otherwise every
    key has to be a string. Raises `InvalidInput` naming file and line.
    """
    from goldenpath.parsers.yaml_builder import build

    if len(content) > limit:
        raise InvalidInput(
            f"{what} is too large: expected at most {limit} bytes",
            hint="leave out what is not needed, or split the file",
        )
    try:
        content.decode("utf-8")  # libyaml would take UTF-16 as well
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"{what} is not UTF-8: {error.reason} at byte {error.start}", hint="save it as UTF-8"
        ) from error
    value = build(content, what, number_keys)
    if not isinstance(value, dict):
        raise InvalidInput(f"{what} does not hold a mapping")
    return value


def render_yaml(value: object) -> bytes:
    """The YAML of a value, in the order of its keys."""
    from goldenpath.parsers.yaml_builder import dump

    return dump(value)


def quote_yaml(value: object) -> str:
    """The YAML of a part of a file, in lines of at most 80 letters for a page."""
    from goldenpath.parsers.yaml_builder import dump_page

    return dump_page(value)
