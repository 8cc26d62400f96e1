"""What people declared inside a release: limits, groups, tier. Read strictly, never guessed."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.parsers.toml_parser import parse_toml
from goldenpath.parsers.yaml_parser import parse_yaml
from goldenpath.project.spec import Tier
from goldenpath.project.statements import REQUIRED, THRESHOLDS

PROJECT = "goldenpath.toml"


@dataclass(frozen=True, slots=True)
class Limit:
    """What one metric has to reach; exactly one bound, or both."""

    metric: str
    minimum: float | None
    maximum: float | None
    slice: str = ""


@dataclass(frozen=True, slots=True)
class FairnessLimit:
    """How far a rate may differ between groups."""

    metric: str
    minimum_ratio: float
    minimum_rows: int


@dataclass(frozen=True, slots=True)
class DeclaredLimits:
    """`compliance/thresholds.yaml`."""

    digest: Digest
    metrics: tuple[Limit, ...]
    fairness: FairnessLimit | None


def declared_limits(documents: Mapping[str, bytes]) -> DeclaredLimits:
    """The limits inside the release. Raises `InvalidInput` if they are absent or malformed."""
    content = documents.get(THRESHOLDS)
    if content is None:
        raise InvalidInput(f"the release has no {THRESHOLDS}")
    return _limits(content)


@lru_cache(maxsize=16)
def _limits(content: bytes) -> DeclaredLimits:
    # Five gates ask for the limits of one release, and YAML is slow to read.
    value = parse_yaml(content, THRESHOLDS)
    listed = value.get("metrics")
    if not isinstance(listed, list) or not listed:
        raise InvalidInput(f"{THRESHOLDS} needs a list of metrics")
    fairness = value.get("fairness")
    return DeclaredLimits(
        Digest.of(content),
        tuple(_limit(each) for each in listed),
        None if fairness is None else _fairness(fairness),
    )


def declared_tier(documents: Mapping[str, bytes]) -> tuple[Tier, str]:
    """The tier, and where it is said; `low` where the release does not carry its declaration."""
    value = _project(documents)
    for tier in REQUIRED:
        if value.get("tier") == tier:
            return tier, "declared"
    return "low", "assumed, the release does not say"


def protected_columns(documents: Mapping[str, bytes]) -> tuple[str, ...] | None:
    """Columns whose groups are compared; None if the release does not say, then all are."""
    evaluation = _project(documents).get("evaluation")
    listed = evaluation.get("protected") if isinstance(evaluation, dict) else None
    return tuple(str(each) for each in listed) if isinstance(listed, list) else None


def _project(documents: Mapping[str, bytes]) -> dict[str, object]:
    return parse_toml(documents.get(PROJECT, b""), f"{PROJECT} in the release")


def _limit(value: object) -> Limit:
    if not isinstance(value, dict) or not isinstance(value.get("metric"), str):
        raise InvalidInput(f"{THRESHOLDS} has a limit without the name of its metric")
    name = value["metric"]
    minimum, maximum = _number(value, "minimum", name), _number(value, "maximum", name)
    if minimum is None and maximum is None:
        raise InvalidInput(f"{THRESHOLDS} has no bound for {name}")
    return Limit(name, minimum, maximum, str(value.get("slice", "")))


def _fairness(value: object) -> FairnessLimit:
    if not isinstance(value, dict) or not isinstance(value.get("metric"), str):
        raise InvalidInput(f"{THRESHOLDS} has fairness without the name of its metric")
    ratio, rows = _number(value, "minimum_ratio", "fairness"), value.get("minimum_rows")
    if ratio is None or not isinstance(rows, int) or isinstance(rows, bool):
        raise InvalidInput(f"{THRESHOLDS} needs fairness.minimum_ratio and fairness.minimum_rows")
    return FairnessLimit(value["metric"], ratio, rows)


def _number(value: Mapping[str, object], key: str, name: str) -> float | None:
    found = value.get(key)
    if found is None:
        return None
    if not isinstance(found, int | float) or isinstance(found, bool):
        raise InvalidInput(f"{THRESHOLDS} has a {key} for {name} that is not a number")
    return float(found)
