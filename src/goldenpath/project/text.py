"""YAML and front matter as people write it, read strictly: one meaning per file, dates as text."""

from collections.abc import Hashable
from pathlib import Path

import yaml

from goldenpath.errors import InvalidInput

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


def parse_yaml(text: str) -> dict[str, object]:
    """A YAML mapping. Raises `InvalidInput` for anything else, and for a key that stands twice."""
    try:
        value = yaml.load(text, Loader=_Strict)  # noqa: S506 (derived from the safe loader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InvalidInput(" ".join(str(error).split())) from error
    if not isinstance(value, dict):
        raise InvalidInput("a mapping was expected")
    return value


def front_matter(text: str) -> tuple[dict[str, object], str]:
    """The YAML block between `---` lines at the start of a Markdown text, and the text after it."""
    parts = text.split("\n---\n", 1)
    if not text.startswith("---\n") or len(parts) != 2:
        raise InvalidInput("a block of YAML between two lines of --- was expected at the start")
    return parse_yaml(parts[0][4:]), parts[1]


class _Strict(yaml.SafeLoader):
    """The safe loader, but dates stay text and no key may stand twice."""

    def construct_mapping(
        self, node: yaml.MappingNode, deep: bool = False
    ) -> dict[Hashable, object]:
        keys = [key.value for key, _ in node.value]
        twice = [key for key in keys if keys.count(key) > 1]
        if twice:
            raise yaml.constructor.ConstructorError(
                problem=f"key {twice[0]!r} stands twice", problem_mark=node.start_mark
            )
        return super().construct_mapping(node, deep)


_Strict.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
