"""PyYAML as `strict` uses it. Imported with the first file that has to be parsed: what git wants is
kept by blob, so that most looks at it parse none.
"""

from collections.abc import Hashable

import yaml

from goldenpath.errors import InvalidInput

_Mapping = dict[Hashable, object]


class Loader(yaml.CSafeLoader):
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


class Plain(yaml.CSafeDumper):
    """Writes what `parse_yaml` reads, without aliases."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def load(content: bytes, what: str) -> object:
    """The one value that the file holds. Raises `InvalidInput`."""
    if b"&" in content and any(isinstance(e, yaml.AliasEvent) for e in _events(content, what)):
        raise InvalidInput(f"{what} uses a YAML alias")
    try:
        return yaml.load(content, Loader=Loader)  # noqa: S506 - a subclass of the safe loader
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise InvalidInput(f"{what} is not valid YAML: {' '.join(str(error).split())}") from error


def dump(value: object) -> bytes:
    """The YAML of a value."""
    text: bytes = yaml.dump(
        value, Dumper=Plain, sort_keys=False, encoding="utf-8", width=1000, allow_unicode=True
    )
    return text


def _events(content: bytes, what: str) -> list[yaml.Event]:
    try:
        return list(yaml.parse(content, Loader=yaml.CSafeLoader))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{what} is not valid YAML: {' '.join(str(error).split())}") from error
