"""The facts from signed statements with which the claims of people are compared."""

from collections.abc import Iterator, Mapping

from goldenpath.errors import InvalidInput
from goldenpath.project.claims.known_facts import MetricLimit, ReleaseFacts
from goldenpath.project.spec import Contract
from goldenpath.promote.gates.declared_limits import declared_limits, declared_tier
from goldenpath.promote.gates.gate import Evidence
from goldenpath.release.attest.policy import Verified
from goldenpath.release.attest.statement import SBOM
from goldenpath.release.evidence.training_statements import (
    datasets_of,
    evaluation_of,
    newest,
    origin_of,
    packages_of,
)


def signed_facts(evidence: Evidence) -> ReleaseFacts:
    """Return what valid statements say about the release that a gate judges."""
    return facts_of(evidence.verified, evidence.contract, evidence.documents)


def facts_of(
    verified: Verified, contract: Contract, documents: Mapping[str, bytes]
) -> ReleaseFacts:
    """Return what valid statements say about a release. What none says stays unknown."""
    evaluation, origin = evaluation_of(verified), origin_of(verified)
    datasets = datasets_of(verified)
    metrics = None if evaluation is None else evaluation.metrics
    packages = packages_of(verified)
    policy = contract.decision
    return ReleaseFacts(
        contract=contract,
        tier=declared_tier(documents)[0],
        metrics=metrics,
        limits=tuple(_limits(documents)),
        packages=None
        if newest(verified, SBOM) is None
        else tuple((each.name, each.version) for each in packages),
        python="" if origin is None else str(origin.internal.get("python", "")),
        columns=tuple(column.name for each in datasets for column in each.columns),
        slices=tuple(sorted({m.slice.partition("=")[0] for m in metrics or () if m.slice})),
        rows=None
        if evaluation is None
        else (
            evaluation.rows,
            *(each.rows for each in datasets),
            *(each.rows - evaluation.rows for each in datasets),
        ),
        names=(
            *(each.name for each in datasets),
            *(() if origin is None else origin.parameters),
            *(() if policy is None else policy.outcomes),
            *contract.classes,
        ),
    )


def _limits(documents: Mapping[str, bytes]) -> Iterator[MetricLimit]:
    """Yield every bound of the thresholds; none if they cannot be read, which other gates say."""
    try:
        limits = declared_limits(documents).metrics
    except InvalidInput:
        return
    for limit in limits:
        for bound in (limit.minimum, limit.maximum):
            if bound is not None:
                yield MetricLimit(limit.metric, bound)
