"""The map from the law to evidence. Its file is named after the consolidated text of the law."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.parsers.typed import typed
from goldenpath.parsers.yaml_parser import parse_yaml

MAP = "map-02024R1689-20260727.yaml"

Source = Literal["A", "M", "H"]


@dataclass(frozen=True, slots=True)
class Control:
    """One field of the technical documentation."""

    number: str
    title: str
    source: Source
    """A: machine facts; M: machine facts and a text by a person; H: a text by a person."""
    needs: Annotated[tuple[str, ...], Meta(min_length=1)]
    """The evidence that the field needs. At least one, or nothing could prove the field."""
    law: tuple[str, ...] = ()
    show: str = ""
    rule: str = ""

    @property
    def section(self) -> str:
        """Number of its section."""
        return self.number.partition(".")[0]


@dataclass(frozen=True, slots=True)
class ControlMap:
    """All fields of the technical documentation, with their sections."""

    celex: str
    law: str
    note: str
    digest: Digest
    sections: Mapping[str, str]
    fields: tuple[Control, ...]


class _MapFile(msgspec.Struct, forbid_unknown_fields=True):
    version: Literal[1]
    celex: str
    law: str
    note: str
    sections: dict[str, str]
    fields: tuple[Control, ...]


def parse_map(content: bytes) -> ControlMap:
    """Parse a map. Raises `InvalidInput` with every fault."""
    what = "the map of controls"
    file = typed(parse_yaml(content, what), _MapFile, what)
    numbers = [each.number for each in file.fields]
    if len(set(numbers)) != len(numbers):
        raise InvalidInput(f"{what} has a field number twice")
    digest = Digest.of(content)
    return ControlMap(file.celex, file.law, file.note, digest, file.sections, file.fields)


@cache
def current_map() -> ControlMap:
    """Return the map that comes with this version."""
    return parse_map((files("goldenpath.audit.report") / MAP).read_bytes())
