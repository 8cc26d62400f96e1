"""The profile as it is stored in a release: canonical JSON, so that it has exactly one digest.

Version 1, which 0.1 wrote, has neither days nor seasons nor design effects of columns. Such a
profile is read as one whose rows have no times.
"""

from dataclasses import replace
from typing import get_args

import msgspec

from goldenpath.canonical import JsonValue, canonical_json, parse_object
from goldenpath.drift.days.ranked_days import RankedDays
from goldenpath.drift.dependence import Dependence
from goldenpath.drift.pairs.pair_reference import PairReference
from goldenpath.drift.profile import Bins, Profile, TextMeasure
from goldenpath.drift.seasons import CELLS, Season
from goldenpath.drift.texts.text_measures import BUCKETS, UNSEEN
from goldenpath.errors import InvalidInput
from goldenpath.parsers.typed import typed
from goldenpath.project.task.text_parts import MOST_BYTES, width_of
from goldenpath.stored_formats import PROFILE

_EFFECTS = ("short_rows", "short_effect", "day_rows", "day_effect")


def render_profile(profile: Profile) -> bytes:
    """Return the profile as canonical JSON. Equal profiles give equal bytes."""
    return canonical_json(
        {
            "version": profile.version,
            "rows": profile.rows,
            "days": profile.days,
            "season": profile.season,
            "is_distinct": profile.is_distinct,
            "features": [_render_bins(bins) for bins in profile.features],
            "score": _render_bins(profile.score),
            **({"pairs": msgspec.to_builtins(profile.pairs)} if profile.pairs else {}),
        }
    )


def _render_bins(bins: Bins) -> dict[str, JsonValue]:
    return {
        "name": bins.name,
        "kind": bins.kind,
        "atoms": list(bins.atoms),
        "edges": list(bins.edges),
        "counts": list(bins.counts),
        "dependence": {name: getattr(bins.dependence, name) for name in _EFFECTS},
        "seasons": [list(row) for row in bins.seasons],
        **({"names": list(bins.names)} if bins.names else {}),
        **({"text": _render_measure(bins.text)} if bins.text is not None else {}),
        **({"ranked": _render_days(bins.ranked)} if bins.ranked is not None else {}),
    }


def _render_days(ranked: RankedDays) -> JsonValue:
    return {"rows": ranked.rows, "oddness": [*ranked.oddness], "moves": [*ranked.moves]}


def _render_measure(measure: TextMeasure) -> JsonValue:
    shown: dict[str, JsonValue] = {"source": measure.source, "kind": measure.kind}
    return {**shown, "width": measure.width, "known": measure.known}


def parse_profile(content: bytes) -> Profile:
    """Return the profile in `content`. Raises `InvalidInput` for a wrong member or version."""
    value = parse_object(content, "profile")
    version = value.get("version")
    PROFILE.require(version, "profile")
    rows, features = value.get("rows"), value.get("features")
    if not isinstance(rows, int) or rows < 1:
        raise InvalidInput("profile needs rows, at least 1")
    if not isinstance(features, list):
        raise InvalidInput("profile needs a list of features")
    if version == 1:
        effect = _constant_effect(value.get("design_effect"))
        columns = [_parse_bins(item, rows) for item in [*features, value.get("score")]]
        same = [replace(bins, dependence=effect) for bins in columns]
        return Profile(rows, tuple(same[:-1]), same[-1], version=1)
    days, season, is_distinct = value.get("days"), value.get("season"), value.get("is_distinct")
    if not isinstance(days, int) or days < 0 or not isinstance(is_distinct, bool):
        raise InvalidInput("profile needs days, at least 0, and is_distinct")
    if season not in get_args(Season):
        raise InvalidInput(f"profile has the season {season!r}: expected one of {[*CELLS]}")
    width = CELLS[season]  # type: ignore[index]
    timed = tuple(_parse_timed(item, rows, width) for item in features)
    score = _parse_timed(value.get("score"), None, width)
    pairs = _pairs(value.get("pairs"), len(timed))
    return Profile(rows, timed, score, days, season, is_distinct, pairs=pairs)  # type: ignore[arg-type]


def _pairs(value: JsonValue, features: int) -> PairReference | None:
    if value is None:
        return None
    pairs = typed(value, PairReference, "profile of pairs")
    number = len(pairs.features) * (len(pairs.features) - 1) // 2
    if not number or {len(pairs.alike), len(pairs.both), len(pairs.effects)} != {number}:
        raise InvalidInput("profile has pairs that do not fit its features")
    if any(not 0 <= each.place < features for each in pairs.features):
        raise InvalidInput("profile has a pair of a feature that it does not have")
    counted = zip(pairs.alike, pairs.both, pairs.effects, strict=True)
    if any(not 0 <= alike <= both or effect < 1 for alike, both, effect in counted):
        raise InvalidInput("profile has pairs with impossible counts")
    return pairs


def _constant_effect(value: JsonValue) -> Dependence:
    """Return the design effect of version 1, which was one number for all columns."""
    if not isinstance(value, int | float) or value < 1:
        raise InvalidInput("profile needs a design_effect, at least 1")
    return Dependence(1.0, float(value), 2.0, float(value))


def _parse_bins(value: JsonValue, rows: int | None) -> Bins:
    if not isinstance(value, dict):
        raise InvalidInput("a column of the profile is not an object")
    name, kind, counts = value.get("name"), value.get("kind"), value.get("counts")
    if not isinstance(name, str) or kind not in ("number", "category", "score"):
        raise InvalidInput("a column of the profile needs a name and a known kind")
    whole = _whole(counts, name)
    atoms, edges = _numbers(value.get("atoms"), name), _numbers(value.get("edges"), name)
    names = _texts(value.get("names", []), name)
    measure = _measure(value.get("text"), name)
    bins = Bins(name, kind, atoms, edges, whole, names=names, text=measure)  # type: ignore[arg-type]
    if names and len(names) != len(atoms):
        raise InvalidInput(f"profile of {name!r} has names that do not fit its atoms")
    if len(whole) != bins.size or (sum(whole) != rows if rows is not None else not sum(whole)):
        raise InvalidInput(f"profile of {name!r} has counts that do not fit its bins and rows")
    if len(edges) == 1 or list(edges) != sorted(edges):
        raise InvalidInput(f"profile of {name!r} has edges out of order")
    return bins


def _parse_timed(value: JsonValue, rows: int | None, cells: int) -> Bins:
    """Return a column of version 2, with its dependence and its seasons."""
    bins = _parse_bins(value, rows)
    members = value if isinstance(value, dict) else {}
    effects, seasons = members.get("dependence"), members.get("seasons")
    if not isinstance(effects, dict) or sorted(effects) != sorted(_EFFECTS):
        raise InvalidInput(f"profile of {bins.name!r} needs its dependence")
    numbers = _numbers([effects[name] for name in _EFFECTS], bins.name)
    if min(numbers) < 1:
        raise InvalidInput(f"profile of {bins.name!r} has a dependence below 1")
    if not isinstance(seasons, list) or len(seasons) != (0 if cells == 1 else cells):
        raise InvalidInput(f"profile of {bins.name!r} needs counts of each cell of the season")
    table = tuple(_whole(row, bins.name) for row in seasons)
    if table and tuple(map(sum, zip(*table, strict=True))) != bins.counts:
        raise InvalidInput(f"profile of {bins.name!r} has seasons that do not fit its counts")
    ranked = _ranked(members.get("ranked"), bins.name)
    return replace(bins, dependence=Dependence(*numbers), seasons=table, ranked=ranked)


def _ranked(value: JsonValue, name: str) -> RankedDays | None:
    if value is None:
        return None
    days = typed(value, RankedDays, f"profile of {name!r}")
    if days.rows < 1 or not days.oddness or len(days.oddness) != len(days.moves):
        raise InvalidInput(f"profile of {name!r} has days that do not fit each other")
    return days


def _whole(value: JsonValue, name: str) -> tuple[int, ...]:
    if not isinstance(value, list):
        raise InvalidInput(f"profile of {name!r} needs a list of counts")
    whole = tuple(count for count in value if isinstance(count, int) and count >= 0)
    if len(whole) != len(value):
        raise InvalidInput(f"profile of {name!r} has a count that is no whole number")
    return whole


def _measure(value: JsonValue, name: str) -> TextMeasure | None:
    if value is None:
        return None
    measure = typed(value, TextMeasure, f"profile of {name!r}")
    bits = BUCKETS // 4 if measure.kind == UNSEEN else 0
    if not 1 <= measure.width <= width_of(MOST_BYTES) or len(measure.known) != bits:
        raise InvalidInput(f"profile of {name!r} has a measure of texts that does not fit")
    if set(measure.known) - set("0123456789abcdef"):
        raise InvalidInput(f"profile of {name!r} has words that are no hexadecimal digits")
    return measure


def _texts(value: JsonValue, name: str) -> tuple[str, ...]:
    texts = [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
    if not isinstance(value, list) or len(texts) != len(value):
        raise InvalidInput(f"profile of {name!r} needs a list of texts as its names")
    return tuple(texts)


def _numbers(value: JsonValue, name: str) -> tuple[float, ...]:
    if not isinstance(value, list):
        raise InvalidInput(f"profile of {name!r} needs lists of atoms and edges")
    numbers = tuple(float(item) for item in value if isinstance(item, int | float))
    if len(numbers) != len(value):
        raise InvalidInput(f"profile of {name!r} has a bound that is not a number")
    return numbers
