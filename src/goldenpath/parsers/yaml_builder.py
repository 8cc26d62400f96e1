"""Builds the value of a YAML file from the events of libyaml, without recursion.

PyYAML's own composer calls itself once per level, in C and without a limit. A file of 100,000
brackets would end the process. libyaml's event parser keeps its stack on the heap instead.
"""

import math
from collections.abc import Callable, Iterator
from typing import NoReturn

import yaml

from goldenpath.canonical import MAX_DEPTH, JsonValue
from goldenpath.errors import InvalidInput

_MAX_NUMBER = 64
"""Characters of the longest number. Parsing base 60, as in `1:30:00`, takes quadratic time."""

_PREFIX = "tag:yaml.org,2002:"
_TEXT = f"{_PREFIX}str"
_RESOLVERS = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_ANYWHERE = _RESOLVERS.pop(None, [])
_scalars = yaml.constructor.SafeConstructor()
_CONSTRUCTORS: dict[str, Callable[[yaml.ScalarNode], JsonValue]] = {
    f"{_PREFIX}null": lambda node: None,
    f"{_PREFIX}bool": _scalars.construct_yaml_bool,
    f"{_PREFIX}int": _scalars.construct_yaml_int,
    f"{_PREFIX}float": _scalars.construct_yaml_float,
}


def build(content: bytes, what: str, number_keys: bool) -> JsonValue:
    """Return the value of the one document in `content`. Raises `InvalidInput`."""
    try:
        return _Builder(what, number_keys).build(content)
    except (yaml.YAMLError, ValueError) as error:
        raise InvalidInput(f"{what} is not valid YAML: {' '.join(str(error).split())}") from error


def dump(value: object) -> bytes:
    """Return a value as YAML, without aliases."""
    text: bytes = yaml.dump(
        value, Dumper=_Plain, sort_keys=False, encoding="utf-8", width=1000, allow_unicode=True
    )
    return text


def dump_page(value: object) -> str:
    """Return a part of a file as YAML, in lines of at most 80 characters."""
    text: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=True)
    return text.strip()


class _Plain(yaml.CSafeDumper):
    """Writes YAML that `parse_yaml` can read, so without aliases."""

    def ignore_aliases(self, data: object) -> bool:
        return True


class _Open:
    """A mapping or list whose end event has not come yet."""

    __slots__ = ("key", "mapping", "sequence")

    def __init__(self, mapping: dict[str, JsonValue] | None) -> None:
        self.mapping = mapping
        self.sequence: list[JsonValue] = []
        self.key: str | None = None

    @property
    def value(self) -> JsonValue:
        return self.sequence if self.mapping is None else self.mapping


class _Builder:
    """Builds one value from the events of one file."""

    def __init__(self, what: str, number_keys: bool) -> None:
        self._what = what
        self._number_keys = number_keys
        self._open: list[_Open] = []
        self._whole: JsonValue = None
        self._documents = 0

    def build(self, content: bytes) -> JsonValue:
        for event in _events(content):
            match event:
                case yaml.ScalarEvent():
                    self._scalar(event)
                case yaml.MappingStartEvent():
                    self._begin(event, _Open({}), "map")
                case yaml.SequenceStartEvent():
                    self._begin(event, _Open(None), "seq")
                case yaml.CollectionEndEvent():
                    self._open.pop()
                case yaml.AliasEvent():
                    raise InvalidInput(
                        f"{self._what} uses a YAML alias, *{event.anchor} in {_line(event)}",
                        hint="write the value itself in place of the alias",
                    )
                case yaml.DocumentStartEvent():
                    self._documents += 1
                    if self._documents > 1:
                        self._refuse(event, "a second document begins")
        return self._whole

    def _begin(self, event: yaml.CollectionStartEvent, opened: _Open, tag: str) -> None:
        if event.tag not in (None, "!", _PREFIX + tag):
            self._refuse(event, f"the tag {event.tag!r} is not known")
        if len(self._open) == MAX_DEPTH:
            raise InvalidInput(
                f"{self._what} is nested too deeply in {_line(event)}: "
                f"expected at most {MAX_DEPTH} levels",
                hint="remove the levels that nothing reads",
            )
        if self._open and self._open[-1].mapping is not None and self._open[-1].key is None:
            self._refuse(event, "a key is not a string")
        self._put(opened.value)
        self._open.append(opened)

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        tag = event.tag
        if tag is None or tag == "!":
            tag = _resolved(event.value) if event.implicit[0] else _TEXT
        opened = self._open[-1] if self._open else None
        if opened is None or opened.mapping is None or opened.key is not None:
            self._put(self._value(event, tag))
            return
        key: str = event.value
        if key == "<<" and event.implicit[0]:
            self._refuse(event, "the merge key '<<' is not supported")
        if tag != _TEXT and not self._number_keys:
            self._refuse(event, f"key {key[:80]!r} is not a string: quote it")
        if key in opened.mapping:
            self._refuse(event, f"key {key[:80]!r} occurs twice")
        opened.key = key

    def _value(self, event: yaml.ScalarEvent, tag: str) -> JsonValue:
        if tag == _TEXT:
            text: str = event.value
            return text
        if len(event.value) > _MAX_NUMBER:
            self._refuse(event, f"a number has more than {_MAX_NUMBER} characters")
        construct = _CONSTRUCTORS.get(tag)
        if construct is None:
            self._refuse(event, f"the tag {tag!r} is not known")
        try:
            value = construct(yaml.ScalarNode(tag, event.value))
        except (ValueError, LookupError):
            self._refuse(event, f"{event.value!r} is not of the type {tag.removeprefix(_PREFIX)}")
        if isinstance(value, float) and not math.isfinite(value):
            self._refuse(event, f"{event.value!r} is not a number that JSON allows")
        return value

    def _put(self, value: JsonValue) -> None:
        if not self._open:
            self._whole = value
            return
        opened = self._open[-1]
        if opened.mapping is None:
            opened.sequence.append(value)
        elif opened.key is not None:
            opened.mapping[opened.key] = value
            opened.key = None

    def _refuse(self, event: yaml.Event, fault: str) -> NoReturn:
        raise InvalidInput(f"{self._what} is not valid YAML: {fault} in {_line(event)}")


def _events(content: bytes) -> Iterator[yaml.Event]:
    parser = yaml.CSafeLoader(content)
    try:
        while (event := parser.get_event()) is not None:
            yield event
    finally:
        parser.dispose()


def _resolved(text: str) -> str:
    for tag, pattern in (*_RESOLVERS.get(text[:1], ()), *_ANYWHERE):
        if pattern.match(text):
            # `=` and `<<` have a special meaning in YAML 1.1 that none of our files uses.
            return tag if tag in _CONSTRUCTORS else _TEXT
    return _TEXT


def _line(event: yaml.Event) -> str:
    mark = event.start_mark
    return "an unknown line" if mark is None else f"line {mark.line + 1}"
