"""The records that a report rests on, each with an anchor that sentences link to."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from goldenpath.audit.report.evidence_bundle import EvidenceBundle
from goldenpath.audit.report.proof import STATEMENTS
from goldenpath.digest import Digest
from goldenpath.release.attest.policy import Verified
from goldenpath.release.attest.statement import (
    APPROVAL,
    DATASET,
    METRICS,
    OURS,
    SBOM,
    TEST_RESULT,
)

_INSIDE: Mapping[str, str] = MappingProxyType(
    {
        "metrics-of-groups": METRICS,
        "threshold-order": METRICS,
        "test-data": METRICS,
        "robustness": METRICS,
        "data-window": DATASET,
        "disjointness": TEST_RESULT,
        "component-graph": SBOM,
        "signed-reports": APPROVAL,
        "gaps-seen": APPROVAL,
    }
)
"""Needs that a part of a statement proves, and the type of the statement."""
_FILES: Mapping[str, str] = MappingProxyType({"contract": "contract.json", "lock": "uv.lock"})
DIGITS = 12
"""Hex digits of a short digest."""
COMMITS, EVENTS, ANSWERS, BUNDLE = "commits", "audit-log", "prediction-log", "bundle"
_BY_LOG: Mapping[str, str] = MappingProxyType(
    {
        "commits": COMMITS,
        "events": EVENTS,
        "alarms": EVENTS,
        "incidents": EVENTS,
        "outcomes": EVENTS,
        "oversight-events": EVENTS,
        "advisories": EVENTS,
        "looks": BUNDLE,
        "predictions": ANSWERS,
        "monitor-events": ANSWERS,
        "generator": BUNDLE,
        "rule": BUNDLE,
    }
)
"""Needs that many records prove together, and where these are listed."""


@dataclass(frozen=True, slots=True)
class CitedRecord:
    """One record that the report rests on."""

    anchor: str
    """Its name in the page, which sentences link to."""
    kind: str
    name: str
    full: str
    """Its full digest, or the id of the commit; empty for what has none."""
    by: str
    """Who signed it; empty if nobody did."""


@dataclass(frozen=True, slots=True)
class RecordIndex:
    """Every record of a report, found by what proves a field or by its digest."""

    records: tuple[CitedRecord, ...]
    by_need: Mapping[str, tuple[str, ...]]
    """Anchors of statements by need."""
    by_digits: Mapping[str, CitedRecord]
    """Records by the first twelve digits of their digest or commit."""

    def anchors(self, need: str) -> tuple[str, ...]:
        """Return the anchors of the records that a need rests on."""
        if need in self.by_need:
            return self.by_need[need]
        if need in _BY_LOG:
            return (_BY_LOG[need],)
        return tuple(self._files(need.partition("#")[0]))

    def with_digest(self, text: str) -> CitedRecord | None:
        """Return the record whose digest or commit begins so; None if there is none."""
        digits = text.removeprefix("sha256:")
        record = self.by_digits.get(digits[:DIGITS])
        is_same = record is not None and record.full.removeprefix("sha256:").startswith(digits)
        return record if is_same else None

    def _files(self, name: str) -> Iterator[str]:
        """Yield the anchors of the files that a need names: one, or a whole folder."""
        folder = f"/{name.removesuffix('/*')}/" if name.endswith("/*") else ""
        for record in self.records:
            path = f"/{record.name}"
            if record.kind == "file" and (
                folder in path if folder else path.endswith(f"/{_FILES.get(name, name)}")
            ):
                yield record.anchor


def record_index(bundle: EvidenceBundle, inputs: str) -> RecordIndex:
    """Return the records of a bundle. `inputs` is the digest that names the bundle."""
    records = tuple(_records(bundle, inputs))
    by_need = {need: _of_type(bundle.verified, kind) for need, (kind, _) in STATEMENTS.items()}
    by_need |= {need: _of_type(bundle.verified, kind) for need, kind in _INSIDE.items()}
    attached = {each.statement.predicate_type for each in bundle.verified.statements}
    for kind in attached:
        if kind.startswith(OURS):
            need = kind.removeprefix(OURS).partition("/")[0]
            by_need.setdefault(need, _of_type(bundle.verified, kind))
    if bundle.predecessor is not None:
        by_need["predecessor-metrics"] = _of_type(bundle.predecessor, METRICS)
    by_digits = {
        each.full.removeprefix("sha256:")[:DIGITS]: each for each in reversed(records) if each.full
    }
    return RecordIndex(records, by_need, by_digits)


def _records(bundle: EvidenceBundle, inputs: str) -> Iterator[CitedRecord]:
    yield CitedRecord("release", "release", bundle.model, bundle.digest.text, "")
    yield CitedRecord(BUNDLE, "bundle", bundle.generator, inputs, "")
    yield from _signed(bundle.verified, "signed statement")
    if bundle.predecessor is not None:
        yield from _signed(bundle.predecessor, "signed statement on the release before")
    for path, content in sorted(bundle.files.items()):
        digest = Digest.of(content)
        yield CitedRecord(_anchor("file", path), "file", path, digest.text, "")
    for intent in bundle.history:
        what = f"{intent.action or 'change'} in {intent.stage}"
        anchor = _anchor("commit", intent.commit)
        yield CitedRecord(anchor, "commit", what, intent.commit, intent.signer or "NOBODY LISTED")
    events = f"audit log, {bundle.logs.events.standing}, {len(bundle.events)} events"
    yield CitedRecord(EVENTS, "log", events, bundle.events_head, "")
    log = bundle.predictions
    count = "no record of this release" if log is None else f"{log.records} records"
    answers = f"prediction log, {bundle.logs.predictions.standing}, {count}"
    yield CitedRecord(ANSWERS, "log", answers, "", "")


def _signed(verified: Verified, kind: str) -> Iterator[CitedRecord]:
    for each in sorted(
        verified.statements, key=lambda s: (s.statement.predicate_type, s.envelope.text)
    ):
        anchor = _anchor("statement", each.envelope.hex)
        signer = f"{each.signer} ({each.kind})"
        yield CitedRecord(anchor, kind, each.statement.predicate_type, each.envelope.text, signer)


def _of_type(verified: Verified, predicate_type: str) -> tuple[str, ...]:
    found = sorted(each.envelope.hex for each in verified.of_type(predicate_type))
    return tuple(_anchor("statement", each) for each in found)


def _anchor(kind: str, name: str) -> str:
    """Return an anchor. Two paths could give the same letters, so a digest tells them apart."""
    if re.fullmatch(r"[0-9a-f]{40,64}", name):
        return f"{kind}-{name[:16]}"
    letters = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return f"{kind}-{letters}-{Digest.of(name.encode()).hex[:6]}"
