"""Texts as people write them: whole files, and front matter before a page of Markdown."""

from pathlib import Path

from goldenpath.canonical import JsonValue
from goldenpath.errors import InvalidInput
from goldenpath.parsers.yaml_parser import parse_yaml

MAX_TEXT = 1024 * 1024
"""Bytes of the largest file written by a person that is read, 1 MiB."""


def read_text(path: Path) -> str:
    """The text of a file. Raises `InvalidInput` if it cannot be read, is too large or not UTF-8."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_TEXT + 1)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from error
    if len(content) > MAX_TEXT:
        raise InvalidInput(f"{path} is too large: expected at most {MAX_TEXT} bytes")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} is not UTF-8: {error.reason}") from error


def parse_statement(text: str, what: str) -> dict[str, JsonValue]:
    """A YAML mapping that a person wrote. Raises `InvalidInput` for anything else."""
    return parse_yaml(text.encode(), what, limit=MAX_TEXT, number_keys=True)


def front_matter(text: str, what: str) -> tuple[dict[str, JsonValue], str]:
    """The YAML block between `---` lines at the start of a Markdown text, and the text after it."""
    parts = text.split("\n---\n", 1)
    if not text.startswith("---\n") or len(parts) != 2:
        raise InvalidInput(
            f"{what} has no head: expected a block of YAML between two lines of --- at the start"
        )
    return parse_statement(parts[0][4:], what), parts[1]
