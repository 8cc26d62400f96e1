"""How severe a known vulnerability is, by its advisory in the OSV format.

The base score of CVSS 3 is computed from its vector. Other vectors are not: then the word of the
database counts. What nobody says is treated like the worst.
"""

import math
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Literal

from goldenpath.canonical import JsonValue

SeverityBand = Literal["critical", "high", "medium", "low", "unknown"]
UNKNOWN_SCORE = 10.0
"""The score of an advisory that names no severity."""

_VECTOR = re.compile(r"CVSS:3\.[01](/[A-Z]{1,3}:[A-Z])+")
_WORDS: Mapping[str, float] = MappingProxyType(
    {"CRITICAL": 9.0, "HIGH": 7.0, "MODERATE": 4.0, "MEDIUM": 4.0, "LOW": 0.1}
)
"""The lowest score of each word (CVSS 3.1, section 5)."""
_IMPACT: Mapping[str, float] = MappingProxyType({"H": 0.56, "L": 0.22, "N": 0.0})
_WEIGHTS: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "AV": {"N": 0.85, "A": 0.62, "L": 0.55, "P": 0.2},
        "AC": {"L": 0.77, "H": 0.44},
        "UI": {"N": 0.85, "R": 0.62},
        "C": _IMPACT,
        "I": _IMPACT,
        "A": _IMPACT,
    }
)
_PRIVILEGES: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {"U": {"N": 0.85, "L": 0.62, "H": 0.27}, "C": {"N": 0.85, "L": 0.68, "H": 0.5}}
)
"""Weights of the privileges that are needed, by scope."""


def severity_of(advisory: Mapping[str, JsonValue]) -> float | None:
    """Return the highest score that an advisory names, 0 to 10; None if it names none."""
    return max(_scores(advisory), default=None)


def band_of(score: float | None) -> SeverityBand:
    """Return the severity in a word (CVSS 3.1, section 5)."""
    if score is None:
        return "unknown"
    if score >= 9.0:
        return "critical"
    if score >= 7.0:
        return "high"
    return "medium" if score >= 4.0 else "low"


def base_score(vector: str) -> float | None:
    """Return the base score of a vector of CVSS 3 (section 7.1); None if it is none."""
    if len(vector) > 200 or _VECTOR.fullmatch(vector) is None:
        return None
    metrics = dict(each.split(":") for each in vector.split("/")[1:])
    try:
        weights = {name: table[metrics[name]] for name, table in _WEIGHTS.items()}
        is_changed = {"U": False, "C": True}[metrics["S"]]
        privileges = _PRIVILEGES[metrics["S"]][metrics["PR"]]
    except KeyError:
        return None
    loss = 1 - (1 - weights["C"]) * (1 - weights["I"]) * (1 - weights["A"])
    impact = 7.52 * (loss - 0.029) - 3.25 * (loss - 0.02) ** 15 if is_changed else 6.42 * loss
    if impact <= 0:
        return 0.0
    exploitability = 8.22 * weights["AV"] * weights["AC"] * privileges * weights["UI"]
    total = (impact + exploitability) * (1.08 if is_changed else 1.0)
    return _rounded_up(min(total, 10.0))


def _rounded_up(value: float) -> float:
    """Return the value rounded up to one decimal (CVSS 3.1, appendix A)."""
    whole = round(value * 100_000)
    return whole / 100_000 if whole % 10_000 == 0 else (math.floor(whole / 10_000) + 1) / 10


def _scores(advisory: Mapping[str, JsonValue]) -> Iterator[float]:
    affected = advisory.get("affected")
    holders = [advisory, *(affected if isinstance(affected, list) else ())]
    for holder in holders:
        if not isinstance(holder, dict):
            continue
        listed = holder.get("severity")
        for entry in listed if isinstance(listed, list) else ():
            score = base_score(str(entry.get("score"))) if isinstance(entry, dict) else None
            if score is not None:
                yield score
        database = holder.get("database_specific")
        band = database.get("severity") if isinstance(database, dict) else None
        if isinstance(band, str) and band.upper() in _WORDS:
            yield _WORDS[band.upper()]
