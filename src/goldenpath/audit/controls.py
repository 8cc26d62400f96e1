"""The map from law to evidence, as data: one file, named after the consolidated text it reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

import yaml

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput

MAP = "map-02024R1689-20260727.yaml"

Source = Literal["A", "M", "H"]


@dataclass(frozen=True, slots=True)
class Control:
    """One field of the technical documentation."""

    number: str
    title: str
    source: Source
    """A: machine facts; M: facts and a person's words; H: a person's words."""
    law: tuple[str, ...]
    needs: tuple[str, ...]
    show: str = ""
    rule: str = ""

    @property
    def section(self) -> str:
        """Number of the section it stands in."""
        return self.number.partition(".")[0]


@dataclass(frozen=True, slots=True)
class ControlMap:
    """The whole map."""

    celex: str
    law: str
    note: str
    digest: Digest
    sections: Mapping[str, str]
    fields: tuple[Control, ...]


def parse_map(content: bytes) -> ControlMap:
    """Parses a map. Raises `InvalidInput` naming what is wrong."""
    value = yaml.safe_load(content)
    if not isinstance(value, dict) or value.get("version") != 1:
        raise InvalidInput("the map of controls needs version 1")
    fields = tuple(_control(each) for each in value.get("fields", []))
    numbers = [each.number for each in fields]
    if len(set(numbers)) != len(numbers):
        raise InvalidInput("the map of controls has a field twice")
    return ControlMap(
        celex=str(value["celex"]),
        law=str(value["law"]),
        note=str(value["note"]),
        digest=Digest.of(content),
        sections={str(key): str(text) for key, text in value["sections"].items()},
        fields=fields,
    )


@cache
def current_map() -> ControlMap:
    """The map that comes with this version."""
    return parse_map((files("goldenpath.audit") / MAP).read_bytes())


def _control(value: Mapping[str, object]) -> Control:
    source = value.get("source")
    if source not in ("A", "M", "H"):
        raise InvalidInput(f"field {value.get('number')} has the source {source!r}")
    needs = value.get("needs")
    if not isinstance(needs, list) or not needs:
        raise InvalidInput(f"field {value.get('number')} needs nothing, so nothing can prove it")
    law = value.get("law", [])
    return Control(
        number=str(value["number"]),
        title=str(value["title"]),
        source=source,
        law=tuple(map(str, law)) if isinstance(law, list) else (),
        needs=tuple(map(str, needs)),
        show=str(value.get("show", "")),
        rule=str(value.get("rule", "")),
    )
