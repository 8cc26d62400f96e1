"""Who wrote which part of a release, as its build read it from the history of the project.

The signer of the newest commit says little, because anybody can commit on top of somebody else's
change. So every commit counts that ever changed a file of the project, and a merge counts for all
that it brought together. A name in a commit is text; a signature says whose key it was.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import msgspec

from goldenpath.canonical import JsonValue
from goldenpath.errors import InvalidInput
from goldenpath.parsers.typed import typed


@dataclass(frozen=True, slots=True)
class Contributor:
    """Somebody who changed a part, as their commits name them."""

    author: str
    """The name and address in the commit, which anybody can write."""
    signer: str = ""
    """Fingerprint of the key that validly signed the commit; empty if none did."""


@dataclass(frozen=True, slots=True)
class ReleasePart:
    """One file of the project, and everybody who ever changed it."""

    path: str
    content: str
    """The name of its git object in the commit of the release; empty if the file is gone."""
    by: tuple[int, ...]
    """Places in the list of contributors."""


@dataclass(frozen=True, slots=True)
class Contributions:
    """Every part of a release, with those who wrote it."""

    people: tuple[Contributor, ...] = ()
    parts: tuple[ReleasePart, ...] = ()
    gap: str = ""
    """Why not the whole history could be read; empty if it was."""

    def since(self, before: "Contributions | None") -> Mapping[str, tuple[Contributor, ...]]:
        """Return those who wrote a part that differs from an earlier release, by path.

        Without an earlier one every file of the release counts. States of files are compared and
        not commits: an old state that comes back is new against what came between.
        """
        known = {} if before is None else {each.path: each.content for each in before.parts}
        return {
            each.path: tuple(self.people[place] for place in each.by)
            for each in self.parts
            if each.content != known.get(each.path, "")
        }


class _Record(msgspec.Struct):
    version: Literal[1]
    people: tuple[Contributor, ...]
    parts: tuple[ReleasePart, ...]
    gap: str = ""


def contributions_record(contributions: Contributions) -> JsonValue:
    """Return the contributions as the provenance holds them."""
    people: list[JsonValue] = [
        {"author": each.author, "signer": each.signer} for each in contributions.people
    ]
    parts: list[JsonValue] = [
        {"path": each.path, "content": each.content, "by": list(each.by)}
        for each in contributions.parts
    ]
    return {"version": 1, "people": people, "parts": parts, "gap": contributions.gap}


def parse_contributions(value: JsonValue) -> Contributions:
    """Read what a provenance says about contributions. Raises `InvalidInput`."""
    record = typed(value, _Record, "the contributions of the provenance")
    places = {place for part in record.parts for place in part.by}
    if not all(0 <= place < len(record.people) for place in places):
        raise InvalidInput(
            "the contributions of the provenance name somebody whom they do not list"
        )
    return Contributions(record.people, record.parts, record.gap)
