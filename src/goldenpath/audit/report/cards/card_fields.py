"""The fields that people write, each with its law, its reason and a good example.

An example shows the form. It is no text to copy: `check` refuses what was written for others.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Annotated

import msgspec
from msgspec import Meta

from goldenpath.errors import NotFound
from goldenpath.parsers.typed import typed
from goldenpath.parsers.yaml_parser import parse_yaml

_FILE = "card-fields.yaml"
_Words = Annotated[str, Meta(min_length=1)]


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    law: _Words
    reason: _Words
    example: _Words


@dataclass(frozen=True, slots=True)
class CardField:
    """One field: a section of a card, a key of a file, or a whole file."""

    name: str
    """As the report names it: `card.md#intended-purpose`, `system.yaml#provider`."""
    law: str
    reason: str
    example: str


@cache
def card_fields() -> tuple[CardField, ...]:
    """Return every field, in the order of the files."""
    what = "the explanations of the fields"
    content = (files("goldenpath.audit.report.cards") / _FILE).read_bytes()
    listed: Mapping[str, _Entry] = typed(parse_yaml(content, what), dict[str, _Entry], what)
    return tuple(
        CardField(name, each.law, each.reason, each.example) for name, each in listed.items()
    )


def explained(wanted: str) -> tuple[CardField, ...]:
    """Return the fields that a name means: whole, or only its file, its section or its key.

    Raises `NotFound` with the nearest name.
    """
    asked = _plain(wanted.removeprefix("compliance/"))
    known = card_fields()
    exact = [each for each in known if _plain(each.name) == asked or _matches(each.name, asked)]
    part = [each for each in known if asked in (_part(each.name), _file(each.name))]
    found = exact or part
    if not found:
        names = [_plain(each.name) for each in known] + [_part(each.name) for each in known]
        near = difflib.get_close_matches(asked, names, 1)
        hint = f"did you mean {near[0]}?" if near else "goldenpath report card lists every field"
        raise NotFound(f"no card has a field {wanted!r}", hint=hint)
    return tuple(found)


def _matches(name: str, asked: str) -> bool:
    """Whether a file in a folder is meant, such as `datasets/clients.md`."""
    return name.endswith("/*") and asked.startswith(name.removesuffix("*"))


def _part(name: str) -> str:
    return _plain(name.partition("#")[2] or name)


def _file(name: str) -> str:
    return _plain(name.partition("#")[0])


def _plain(name: str) -> str:
    """Return a name as the report writes it: `Intended purpose` and `intended_purpose` alike."""
    return name.strip().lower().replace(" ", "-").replace("_", "-")
