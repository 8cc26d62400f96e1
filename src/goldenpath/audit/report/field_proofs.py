"""Proofs of what the title of one field names, where a signed statement alone is not enough.

A statement of a kind may be there and still say nothing of the very fact: an evaluation without
groups, a data set without a time, an approval that names no gaps. Then the field is MISSING.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Literal

from goldenpath.audit.report.evidence_bundle import EvidenceBundle
from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.release.attest.statement import APPROVAL, METRICS, SBOM, TEST_RESULT, member
from goldenpath.release.evidence.training_statements import (
    checks_of,
    datasets_of,
    evaluation_of,
    metrics_of,
)
from goldenpath.train.training_run import LEAKAGE

FieldProof = tuple[Literal["PROVEN", "MISSING"], str]


def _groups(bundle: EvidenceBundle) -> FieldProof:
    groups = sorted({m.slice.partition("=")[0] for m in metrics_of(bundle.verified) if m.slice})
    if not groups:
        return "MISSING", "the signed evaluation has no metric of a group"
    return "PROVEN", f"groups by {', '.join(groups)}, in {_cited(bundle, METRICS)}"


def _order(bundle: EvidenceBundle) -> FieldProof:
    evaluation, content = evaluation_of(bundle.verified), bundle.file("thresholds.yaml")
    if evaluation is None or content is None:
        return "MISSING", "no evaluation with a good signature, or no limits in the release"
    committed, started = evaluation.thresholds_committed_at, evaluation.started_at
    if not committed or not started:
        return "MISSING", "the evaluation does not say when the limits were committed"
    is_same = Digest.of(content).text == evaluation.thresholds_digest
    if not is_same or datetime.fromisoformat(committed) >= datetime.fromisoformat(started):
        return "MISSING", "the limits of the release are not shown to be older than the run"
    return "PROVEN", f"committed at {committed}, run from {started}; {_cited(bundle, METRICS)}"


def _window(bundle: EvidenceBundle) -> FieldProof:
    datasets = datasets_of(bundle.verified)
    without = [each.name for each in datasets if not each.first or not each.last]
    if without or not datasets:
        names = ", ".join(without) or "the data"
        return "MISSING", f"the time window of {names} is not known: no time column is declared"
    return "PROVEN", "; ".join(f"{d.name}: {d.first} to {d.last}" for d in datasets)


def _test_data(bundle: EvidenceBundle) -> FieldProof:
    evaluation = evaluation_of(bundle.verified)
    if evaluation is None or not evaluation.rows_digest:
        return "MISSING", "no statement has the digest of the evaluation rows"
    return "PROVEN", f"{evaluation.rows} evaluation rows, {evaluation.rows_digest}"


def _disjointness(bundle: EvidenceBundle) -> FieldProof:
    for check in checks_of(bundle.verified):
        if check.name == LEAKAGE and check.passed:
            return "PROVEN", f"{check.name}: {check.detail}, in {_cited(bundle, TEST_RESULT)}"
    return "MISSING", "no test result says that no test row was one of the training rows"


def _component_graph(bundle: EvidenceBundle) -> FieldProof:
    for bill in bundle.of_type(SBOM):
        listed = bill.statement.predicate.get("dependencies")
        if isinstance(listed, list) and listed:
            return "PROVEN", f"{len(listed)} nodes of the graph, in {bill.envelope}"
    return "MISSING", "no bill of materials with a good signature says which part needs which"


def _signed_reports(bundle: EvidenceBundle) -> FieldProof:
    """The reports are signed by a person whose approval cites evaluation and test results."""
    reports = {
        each.envelope.text for kind in (METRICS, TEST_RESULT) for each in bundle.of_type(kind)
    }
    signers = sorted(
        each.signer
        for each in bundle.of_type(APPROVAL)
        if reports and reports <= set(_seen(each.statement.predicate, "evidence"))
    )
    if not signers:
        return "MISSING", "no person has signed the evaluation and the test results"
    return "PROVEN", f"evaluation and test results, signed by {', '.join(dict.fromkeys(signers))}"


def _gaps_seen(bundle: EvidenceBundle) -> FieldProof:
    approvals = bundle.of_type(APPROVAL)
    without = sorted(
        {
            each.signer
            for each in approvals
            if not isinstance(_report(each.statement.predicate), str)
        }
    )
    if not approvals:
        return "MISSING", "no approval by a person with a good signature is attached"
    if without:
        return "MISSING", f"the approvals of {', '.join(without)} do not say which gaps they saw"
    shown = (
        f"{each.signer} saw {len(_seen(each.statement.predicate, 'gaps'))} gaps in the report "
        f"{_report(each.statement.predicate)}"
        for each in approvals
    )
    return "PROVEN", "; ".join(shown)


def _report(predicate: Mapping[str, JsonValue]) -> JsonValue:
    return member(predicate.get("seen"), "report")


def _seen(predicate: Mapping[str, JsonValue], name: str) -> tuple[str, ...]:
    listed = member(predicate.get("seen"), name)
    return tuple(str(each) for each in listed) if isinstance(listed, list) else ()


def _cited(bundle: EvidenceBundle, predicate_type: str) -> str:
    return ", ".join(each.envelope.text for each in bundle.of_type(predicate_type))


FIELD_PROOFS: Mapping[str, Callable[[EvidenceBundle], FieldProof]] = MappingProxyType(
    {
        "metrics-of-groups": _groups,
        "threshold-order": _order,
        "data-window": _window,
        "test-data": _test_data,
        "disjointness": _disjointness,
        "component-graph": _component_graph,
        "signed-reports": _signed_reports,
        "gaps-seen": _gaps_seen,
    }
)
