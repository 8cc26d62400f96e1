"""Features that are more than one number: a vector, a moment, and a text.

A model sees numbers of 32 bits. So a declared vector of n numbers becomes n features, a timestamp
two: the day and the second of it, which 32 bits hold exactly, and a text one for three bytes.
Everything behind the declaration sees these parts; callers and tables have the declared feature.
Pure.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from goldenpath.parsers.fault import Fault
from goldenpath.project.spec import FILE, Contract
from goldenpath.project.task.text_parts import LARGEST, MOST_BYTES, width_of

EPOCH = date(2000, 1, 1)
"""Day 0 of a timestamp."""
FIRST_DAY, LAST_DAY = -36524, 36889
"""1900-01-01 and 2100-12-31."""
SECONDS = 86_400
MOST_NUMBERS = 1024
"""The longest vector."""
_ONLY = {
    "vector": frozenset({"name", "kind", "length", "description", "minimum", "maximum", "missing"}),
    "timestamp": frozenset({"name", "kind", "description", "missing"}),
    "text": frozenset({"name", "kind", "bytes", "description", "missing"}),
}
"""The keys of a declared feature of these kinds."""


@dataclass(frozen=True, slots=True)
class DeclaredFeature:
    """A feature as callers send it, and the columns of the model's input that it becomes."""

    name: str
    part: str
    """Empty for a number or category; `element` for a vector, `days` for a timestamp, or `text`."""
    start: int
    width: int


def declared_features(contract: Contract) -> tuple[DeclaredFeature, ...]:
    """Return the features as declared, in the order of the contract."""
    declared: list[DeclaredFeature] = []
    for place, feature in enumerate(contract.features):
        last = declared[-1] if declared else None
        if feature.part_of and last is not None and last.part and last.name == feature.part_of:
            declared[-1] = DeclaredFeature(last.name, last.part, last.start, last.width + 1)
        else:
            name = feature.part_of or feature.name
            declared.append(DeclaredFeature(name, feature.part, place, 1))
    return tuple(declared)


def declared_names(contract: Contract) -> list[str]:
    """Return the names of the features as declared."""
    return [each.name for each in declared_features(contract)]


def expanded(feature: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    """Yield the numbers that a declared feature becomes; a number or category stays itself."""
    kind, name = feature.get("kind"), str(feature.get("name", ""))
    if kind not in _ONLY:
        yield feature
        return
    part = {**feature, "kind": "number", "part_of": name}
    length = part.pop("length", 0)
    if kind == "vector":
        for place in range(length if isinstance(length, int) else 0):
            yield {**part, "name": f"{name}_{place}", "part": "element"}
        return
    if kind == "text":
        limit = part.get("bytes")
        three = {"minimum": 0, "maximum": LARGEST, "whole": True, "part": "text"}
        for place in range(width_of(limit) if isinstance(limit, int) else 0):
            yield {**part, **three, "name": f"{name}_{place}"}
        return
    day = {"minimum": FIRST_DAY, "maximum": LAST_DAY, "whole": True}
    second = {"minimum": 0, "maximum": SECONDS - 1, "whole": True}
    yield {**part, **day, "name": f"{name}_days", "part": "days"}
    yield {**part, **second, "name": f"{name}_seconds", "part": "seconds"}


def part_faults(features: object) -> Iterator[Fault]:
    """Yield what is wrong with vectors, timestamps and texts; `features` fits the schema."""
    known: dict[str, str] = {}
    for place, feature in enumerate(features if isinstance(features, list) else []):
        kind, key = str(feature.get("kind")), f"contract.features[{place}]"
        name = str(feature.get("name"))
        if name in known and {kind, known[name]} & _ONLY.keys():
            yield Fault(FILE, f"{key}.name", "a unique name", f"{name!r} again")
        known.setdefault(name, kind)
        if kind == "vector" and "length" not in feature:
            yield Fault(FILE, f"{key}.length", f"2 to {MOST_NUMBERS} numbers", "nothing")
        if kind == "text" and "bytes" not in feature:
            yield Fault(FILE, f"{key}.bytes", f"the longest text, at most {MOST_BYTES}", "nothing")
        for own, owner in (("length", "vector"), ("bytes", "text")):
            if kind not in _ONLY and own in feature:
                yield Fault(FILE, f"{key}.{own}", f'kind = "{owner}"', f"kind {kind}")
        for other in sorted(feature.keys() - _ONLY.get(kind, feature.keys())):
            yield Fault(FILE, f"{key}.{other}", f"nothing for kind {kind}", "a value")


def moment_numbers(text: str) -> tuple[float, float]:
    """Return day and second of a moment in RFC 3339.

    Raises `ValueError` for another text, and for one without an offset or with a part of a second.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None or moment.microsecond:
        raise ValueError(text)
    return day_and_second(moment)


def day_and_second(moment: datetime) -> tuple[float, float]:
    """Return day and second of a moment, in UTC."""
    moment = moment.astimezone(UTC)
    seconds = moment.hour * 3600 + moment.minute * 60 + moment.second
    return float((moment.date() - EPOCH).days), float(seconds)


EXPECTED_MOMENT = "a time such as 2026-11-29T18:00:00Z, with an offset and whole seconds"
