"""Reads texts that people write: whole files, YAML statements, and Markdown with front matter."""

from pathlib import Path

from goldenpath.canonical import JsonValue
from goldenpath.errors import InvalidInput
from goldenpath.parsers.yaml_parser import parse_yaml

MAX_TEXT = 1024 * 1024
"""Largest size of a file that a person wrote, in bytes: 1 MiB."""


def read_text(path: Path) -> str:
    """Return a file's text. Raises `InvalidInput` if it is unreadable, too large or not UTF-8."""
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
    """Return the YAML mapping in `text`. Raises `InvalidInput` for anything else."""
    return parse_yaml(text.encode(), what, limit=MAX_TEXT, number_keys=True)


def front_matter(text: str, what: str) -> tuple[dict[str, JsonValue], str]:
    """Return the front matter of a Markdown text, and the text after it.

    Raises `InvalidInput` if there is no YAML mapping between two `---` lines at the start.
    """
    parts = text.split("\n---\n", 1)
    if not text.startswith("---\n") or len(parts) != 2:
        raise InvalidInput(
            f"{what} has no front matter: expected YAML between two lines of --- at the start"
        )
    return parse_statement(parts[0][4:], what), parts[1]
