"""Reads a YAML subset that every reader understands alike: no duplicate key, alias, merge or date.

PyYAML is imported with the first file that has to be parsed. Parsed files of the gitops repository
are cached by git blob, so most reads of the repository parse nothing.
"""

from goldenpath.canonical import JsonValue
from goldenpath.errors import InvalidInput

MAX_YAML = 256 * 1024
"""Bytes of the largest YAML file of the gitops repository."""


def parse_yaml(
    content: bytes, what: str, *, limit: int = MAX_YAML, number_keys: bool = False
) -> dict[str, JsonValue]:
    """Return the mapping that is the whole file; `what` names the file in messages.

    With `number_keys`, a key such as `2024` is read as the text `"2024"`; otherwise every key has
    to be a string. Raises `InvalidInput` that names file and line.
    """
    from goldenpath.parsers.yaml_builder import build

    if len(content) > limit:
        raise InvalidInput(
            f"{what} is too large: expected at most {limit} bytes",
            hint="remove what is not needed, or split the file",
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
    """Return a value as YAML, with keys in the order of the value."""
    from goldenpath.parsers.yaml_builder import dump

    return dump(value)


def quote_yaml(value: object) -> str:
    """Return a part of a file as YAML in lines of at most 80 characters, for a web page."""
    from goldenpath.parsers.yaml_builder import dump_page

    return dump_page(value)
