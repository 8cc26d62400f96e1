"""What people declared inside a release: limits, groups, tier. Read strictly, never guessed."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated

import msgspec
from msgspec import Meta

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.parsers.toml_parser import parse_toml
from goldenpath.parsers.typed import typed
from goldenpath.parsers.yaml_parser import parse_yaml
from goldenpath.project.spec import Tier
from goldenpath.project.statements import THRESHOLDS
from goldenpath.project.text import MAX_TEXT

PROJECT = "goldenpath.toml"


@dataclass(frozen=True, slots=True)
class Limit:
    """What one metric has to reach; exactly one bound, or both."""

    metric: str
    minimum: float | None = None
    maximum: float | None = None
    slice: str = ""


@dataclass(frozen=True, slots=True)
class FairnessLimit:
    """How far a rate may differ between groups."""

    metric: str
    minimum_ratio: float
    minimum_rows: int


class _ThresholdsFile(msgspec.Struct):
    """As far as the gates read it; `check` holds the whole file against its schema."""

    metrics: Annotated[tuple[Limit, ...], Meta(min_length=1)]
    fairness: FairnessLimit | None = None


class _Evaluation(msgspec.Struct):
    protected: tuple[str, ...] | None = None


class _ProjectFile(msgspec.Struct):
    """As far as the gates read `goldenpath.toml`."""

    tier: Tier | None = None
    evaluation: _Evaluation = msgspec.field(default_factory=_Evaluation)


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
    value = parse_yaml(content, THRESHOLDS, limit=MAX_TEXT)
    file = typed(value, _ThresholdsFile, THRESHOLDS)
    unbound = [
        each.metric for each in file.metrics if each.minimum is None and each.maximum is None
    ]
    if unbound:
        raise InvalidInput(f"{THRESHOLDS} has no bound for {', '.join(unbound)}")
    return DeclaredLimits(Digest.of(content), file.metrics, file.fairness)


def declared_tier(documents: Mapping[str, bytes]) -> tuple[Tier, str]:
    """The tier, and where it is said; `low` where the release does not carry its declaration."""
    tier = _project(documents).tier
    return (tier, "declared") if tier else ("low", "assumed, the release does not say")


def protected_columns(documents: Mapping[str, bytes]) -> tuple[str, ...] | None:
    """Columns whose groups are compared; None if the release does not say, then all are."""
    return _project(documents).evaluation.protected


def _project(documents: Mapping[str, bytes]) -> _ProjectFile:
    what = f"{PROJECT} in the release"
    return typed(parse_toml(documents.get(PROJECT, b""), what), _ProjectFile, what)
