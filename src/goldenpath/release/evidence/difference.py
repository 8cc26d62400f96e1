"""The changes between two releases: a pure function of the facts about each.

Each fact has a mark of how well it is known. `verified`: a signature of a trusted key covers it.
`observed`: read and hashed here, but no trusted signature covers it. `declared`: a statement that
is attached to the release, without a trusted signature. `unknown`: there is no statement.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from goldenpath.canonical import JsonValue
from goldenpath.release.artifact.inspection import Mark
from goldenpath.release.attest.statement import member

SECTIONS = (
    "data",
    "parameters",
    "code",
    "environment",
    "packages",
    "metrics",
    "checks",
    "schema",
    "decision policy",
    "limits",
    "monitors",
    "decisions",
    "gitops policy",
    "files",
)
"""All sections that are compared, in the order in which they are shown."""

Intervals = Literal["overlap", "apart", "unknown"]


@dataclass(frozen=True, slots=True)
class Fact:
    """The value of one section, and how well it is known."""

    value: JsonValue
    mark: Mark
    by: str = ""
    """The trusted key or person that signed it."""


Facts = Mapping[str, Fact]
_NOTHING = Fact(None, "unknown")


@dataclass(frozen=True, slots=True)
class ChangedValue:
    """One value that differs; None on a side without it."""

    section: str
    path: str
    before: JsonValue
    after: JsonValue
    before_mark: Mark
    after_mark: Mark
    intervals: Intervals | None = None
    """For a metric: whether its two intervals overlap. An overlap does not prove that nothing
    changed, because both releases may have been measured on the same rows."""


@dataclass(frozen=True, slots=True)
class Section:
    """How well one section is known on both sides, and in how many values it differs."""

    name: str
    before: Mark
    after: Mark
    changes: int


@dataclass(frozen=True, slots=True)
class ReleaseDifference:
    """The comparison of two releases."""

    sections: tuple[Section, ...]
    """Those of `SECTIONS` that are known on at least one side."""
    changes: tuple[ChangedValue, ...]


def difference(before: Facts, after: Facts) -> ReleaseDifference:
    """Return every known section, and every value that differs in it."""
    sections: list[Section] = []
    changes: list[ChangedValue] = []
    for name in SECTIONS:
        old, new = before.get(name, _NOTHING), after.get(name, _NOTHING)
        if old.mark == new.mark == "unknown":
            continue
        changed = tuple(_changes(name, old, new))
        sections.append(Section(name, old.mark, new.mark, len(changed)))
        changes.extend(changed)
    return ReleaseDifference(tuple(sections), tuple(changes))


def _changes(section: str, old: Fact, new: Fact) -> Iterator[ChangedValue]:
    for path, before, after in differences(old.value, new.value):
        intervals = _intervals(before, after) if section == "metrics" else None
        yield ChangedValue(section, path, before, after, old.mark, new.mark, intervals)


def differences(
    before: JsonValue, after: JsonValue, path: str = ""
) -> Iterator[tuple[str, JsonValue, JsonValue]]:
    """Yield path, old and new value of each difference; an estimate counts as one value."""
    if before == after and type(before) is type(after):
        return
    old, new = _named(before), _named(after)
    if old is None or new is None:
        yield path, before, after
        return
    for key in sorted({*old, *new}):
        below = f"{path}.{key}" if path else key
        yield from differences(old.get(key), new.get(key), below)


def _intervals(before: JsonValue, after: JsonValue) -> Intervals:
    bounds = [member(each, end) for each in (before, after) for end in ("low", "high")]
    numbers = [float(each) for each in bounds if isinstance(each, int | float)]
    if len(numbers) < 4:
        return "unknown"
    old_low, old_high, new_low, new_high = numbers
    return "overlap" if old_low <= new_high and new_low <= old_high else "apart"


def _named(value: JsonValue) -> dict[str, JsonValue] | None:
    """Return an object, or a list of named elements as an object; None for a plain value."""
    if value is None:
        return {}
    if isinstance(value, dict):
        return None if {"value", "low", "high"} <= value.keys() else value
    if not isinstance(value, list):
        return None
    names = [member(each, "name") for each in value]
    if not value or len(set(map(str, names))) < len(names):
        return None
    return {str(n): v for n, v in zip(names, value, strict=True)} if None not in names else None
