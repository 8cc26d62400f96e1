"""What a project itself says, as far as the claims of its texts can be compared before a build."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from goldenpath.errors import InvalidInput
from goldenpath.project.claims.known_facts import MetricLimit, ReleaseFacts
from goldenpath.project.spec import Project
from goldenpath.project.text import parse_statement, read_text

LIMITS = "compliance/thresholds.yaml"


class _BoundedMetric(msgspec.Struct):
    metric: str
    minimum: float | None = None
    maximum: float | None = None


def project_facts(
    project: Project, packages: Sequence[tuple[str, str]] | None, python: str
) -> ReleaseFacts:
    """Return the facts; `packages` are those of the lock, None if it cannot be read.

    Nothing is measured yet, so numbers are not compared.
    """
    policy = project.contract.decision
    return ReleaseFacts(
        contract=project.contract,
        tier=project.tier,
        limits=tuple(_limits(Path(project.root))),
        packages=None if packages is None else tuple(packages),
        python=python,
        slices=project.slices,
        names=(
            *(source.name for source in project.data),
            *project.training.parameters,
            *(() if policy is None else policy.outcomes),
            *project.contract.classes,
        ),
    )


def _limits(root: Path) -> Iterator[MetricLimit]:
    """Yield the bounds; none if the file cannot be read, which is a fault of its own."""
    try:
        values = parse_statement(read_text(root / LIMITS), LIMITS)
        limits = msgspec.convert(values.get("metrics"), list[_BoundedMetric])
    except (InvalidInput, msgspec.ValidationError):
        return
    for limit in limits:
        for bound in (limit.minimum, limit.maximum):
            if bound is not None:
                yield MetricLimit(limit.metric, bound)
