"""YAML that two readers cannot understand differently: no key twice, no alias, no tag, no merge."""

from collections.abc import Hashable

import yaml

from goldenpath.canonical import JsonValue
from goldenpath.errors import InvalidInput

MAX_YAML = 256 * 1024
"""Bytes of the largest YAML file of the gitops repository."""


_Mapping = dict[Hashable, object]


class _Loader(yaml.CSafeLoader):
    """The safe loader, which besides refuses keys that are not strings or stand twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> _Mapping:
        result: _Mapping = {}
        for key_node, value_node in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key!r} is not a string", key_node.start_mark
                )
            if key in result or key == "<<":
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key!r} stands twice or merges", key_node.start_mark
                )
            result[key] = self.construct_object(value_node, deep=True)
        return result


class _Plain(yaml.CSafeDumper):
    """Writes what `parse_yaml` reads, without aliases."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def parse_yaml(content: bytes, what: str) -> dict[str, JsonValue]:
    """The one mapping that the file holds. Raises `InvalidInput` naming file and line."""
    if len(content) > MAX_YAML:
        raise InvalidInput(f"{what} is too large: expected at most {MAX_YAML} bytes")
    if b"&" in content and any(isinstance(e, yaml.AliasEvent) for e in _events(content, what)):
        raise InvalidInput(f"{what} uses a YAML alias")
    try:
        value = yaml.load(content, Loader=_Loader)  # noqa: S506 - a subclass of the safe loader
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise InvalidInput(f"{what} is not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(value, dict):
        raise InvalidInput(f"{what} does not hold a mapping")
    return value


def render_yaml(value: object) -> bytes:
    """The YAML of a value, in the order of its keys."""
    text: bytes = yaml.dump(
        value, Dumper=_Plain, sort_keys=False, encoding="utf-8", width=1000, allow_unicode=True
    )
    return text


def _events(content: bytes, what: str) -> list[yaml.Event]:
    try:
        return list(yaml.parse(content, Loader=yaml.CSafeLoader))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{what} is not valid YAML: {' '.join(str(error).split())}") from error
