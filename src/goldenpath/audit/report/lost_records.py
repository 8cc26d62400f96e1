"""Records that are damaged or gone, as contradictions: their loss must not improve any field.

A lost record contradicts the fields that it would prove, and those that it could contradict.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from goldenpath.audit.report.contradictions import Contradiction
from goldenpath.audit.report.evidence_bundle import EvidenceBundle
from goldenpath.release.attest.statement import (
    APPROVAL,
    DATASET,
    DECISION,
    METRICS,
    PROVENANCE,
    SBOM,
    SCAN,
    SIGNED,
    TEST_RESULT,
    WAIVER,
)

_EVENT_NEEDS = (
    "events", "alarms", "incidents", "outcomes", "monitor-events", "oversight-events", "advisories",
    "looks",
)  # fmt: skip
_EVENT_FIELDS = ("0.3", "2.28", "2.29", "10.6", "11.4")
"""Fields that an event could contradict, although none of them needs an event."""
_PREDICTION_NEEDS = ("predictions", "outcomes")

_BY_KIND: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = MappingProxyType(
    {
        PROVENANCE: (("provenance",), ("0.3", "2.13", "2.28", "10.6", "10.7")),
        SBOM: (("sbom",), ()),
        DATASET: (("dataset", "looks"), ("2.13", "2.14", "3.6", "10.7", "11.3")),
        METRICS: (("metrics", "looks"), ("2.25",)),
        TEST_RESULT: (("tests",), ("2.27",)),
        SCAN: (("scan",), ("2.29",)),
        SIGNED: (("signature",), ("1.2", "2.29")),
        APPROVAL: (("approval",), ("0.3", "2.28", "10.6")),
        DECISION: (("decision",), ("6.4", "0.3")),
        WAIVER: (("decision",), ("6.4",)),
    }
)
"""By predicate type: the needs that it proves, and the fields that it could contradict."""


def lost_records(bundle: EvidenceBundle) -> Iterator[Contradiction]:
    """Return a contradiction for each record that is damaged or gone."""
    for fault in bundle.logs.events.faults:
        yield Contradiction(_EVENT_FIELDS, fault, _EVENT_NEEDS)
    for fault in bundle.logs.predictions.faults:
        yield Contradiction((), f"prediction log: {fault}", _PREDICTION_NEEDS)
    for statement in bundle.lost:
        rows = [_BY_KIND[kind] for kind in statement.kinds if kind in _BY_KIND]
        needs = tuple(need for row in rows for need in row[0])
        fields = tuple(field for row in rows for field in row[1])
        yield Contradiction(fields or ("12.1",), statement.message, needs)
