"""What people declared inside a release: limits, protected groups and tier, read strictly."""

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
    """The limit of one metric: a minimum, a maximum, or both."""

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
    """The part that the gates read; `goldenpath check` validates the whole file."""

    metrics: Annotated[tuple[Limit, ...], Meta(min_length=1)]
    fairness: FairnessLimit | None = None


class _Evaluation(msgspec.Struct):
    protected: tuple[str, ...] | None = None


class _ProjectFile(msgspec.Struct):
    """The part of `goldenpath.toml` that the gates read."""

    tier: Tier | None = None
    evaluation: _Evaluation = msgspec.field(default_factory=_Evaluation)


@dataclass(frozen=True, slots=True)
class DeclaredLimits:
    """The content of `compliance/thresholds.yaml`."""

    digest: Digest
    metrics: tuple[Limit, ...]
    fairness: FairnessLimit | None


def declared_limits(documents: Mapping[str, bytes]) -> DeclaredLimits:
    """Return the limits of the release. Raises `InvalidInput` if they are absent or malformed."""
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
    """Return the tier and its source; `low` if the release does not declare one."""
    tier = _project(documents).tier
    return (tier, "declared") if tier else ("low", "assumed, the release does not say")


def protected_columns(documents: Mapping[str, bytes]) -> tuple[str, ...] | None:
    """Return the columns whose groups are compared; None means all columns."""
    return _project(documents).evaluation.protected


def _project(documents: Mapping[str, bytes]) -> _ProjectFile:
    what = f"{PROJECT} in the release"
    return typed(parse_toml(documents.get(PROJECT, b""), what), _ProjectFile, what)
