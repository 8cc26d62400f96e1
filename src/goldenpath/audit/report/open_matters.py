"""The report's facts about what stands open: looks at the data, advisories, overrides, waivers."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

from goldenpath.audit.report.blocks import Blocks, Paragraph, table
from goldenpath.audit.report.evidence_bundle import EvidenceBundle, NotedAdvisory
from goldenpath.canonical import JsonValue
from goldenpath.release.attest.policy import SignedStatement
from goldenpath.release.attest.statement import DECISION, WAIVER, text_member

SCAN_AGE = timedelta(days=7)
"""A comparison with advisories that is older than this says nothing about today."""


def last_scan(bundle: EvidenceBundle) -> str:
    """Return when what is live was last compared with advisories; empty if it never was."""
    scans = [each.time for each in bundle.events if each.kind == "advisory.scanned"]
    return scans[-1] if scans else ""


def is_recent(scan: str, as_of: str) -> bool:
    """Whether a comparison says anything about that moment."""
    try:
        age = datetime.fromisoformat(as_of) - datetime.fromisoformat(scan)
    except (ValueError, TypeError):
        return False
    return age <= SCAN_AGE


def _advisories(bundle: EvidenceBundle) -> Blocks:
    if not bundle.advisories:
        return ()
    return table(
        ("Severity", "Stage", "What", "Since", "Owner", "Limit", "State"),
        (
            (a.severity, a.stage, a.sentence, a.since[:10], a.owner or "NOBODY NAMED", a.due[:10],
             advisory_state(a))
            for a in bundle.advisories
        ),
    )  # fmt: skip


def advisory_state(advisory: NotedAdvisory) -> str:
    """Return whether an advisory is open, in a few words."""
    if advisory.closed_by:
        return f"closed by VEX: {advisory.closed_by}"
    state = "OVERDUE" if advisory.is_overdue else "open"
    return f"{state}; {advisory.refused}" if advisory.refused else state


def _looks(bundle: EvidenceBundle) -> Blocks:
    data = bundle.data_looks
    if bundle.looks is None or not data:
        return ()
    listed = table(
        ("Data set", "Signed looks", "Perhaps more", "Rows", "First", "Last",
         "Flatters by at most, if no model depended on a look", "if each did"),
        (
            (f"{', '.join(d.names)} {d.digest}", len(d.looks), d.perhaps, d.rows,
             d.looks[0].time[:10], d.looks[-1].time[:10], d.fixed_bound, d.adaptive_bound)
            for d in data
        ),
    )  # fmt: skip
    method = (
        "The bounds are for the mean of a number between 0 and 1, at 95 %, over all looks at once."
    )
    unknown = (Paragraph(f"Not known: {each}.", "unknown") for each in bundle.looks.unknown)
    return (*listed, Paragraph(method), *unknown)


def _overrides(bundle: EvidenceBundle) -> Blocks:
    if not bundle.overrides:
        return ()
    return table(
        ("Time", "Stage", "Answer", "Decided by", "Reason", "Posted by", "Signature"),
        (
            (e.time, e.stage, e.prediction, e.role, e.reason, e.by, e.fault or "counts")
            for e in bundle.overrides
        ),
    )


def _waivers(bundle: EvidenceBundle) -> Blocks:
    return table(
        ("Gate", "Waived because", "Decision"),
        (
            (finding.get("check"), finding.get("message"), each.envelope)
            for each in bundle.of_type(DECISION)
            for finding in waived(each.statement.predicate)
        ),
    )


def waived(predicate: Mapping[str, JsonValue]) -> list[dict[str, JsonValue]]:
    """Return the findings of a decision that a waiver overruled."""
    findings = predicate.get("findings")
    listed = findings if isinstance(findings, list) else []
    return [each for each in listed if isinstance(each, dict) and each.get("status") == "waived"]


def unused_waivers(bundle: EvidenceBundle) -> Iterator[SignedStatement]:
    """Yield the waivers that no decision relied on."""
    used = {
        envelope
        for each in bundle.of_type(DECISION)
        for envelope in _texts(each.statement.predicate.get("waivers"))
    }
    return (each for each in bundle.of_type(WAIVER) if each.envelope.text not in used)


def waiver_text(signed: SignedStatement) -> str:
    """Return who signed a waiver of which gate, and until when."""
    predicate = dict(signed.statement.predicate)
    gate, stage = text_member(predicate, "gate"), text_member(predicate, "scope", "environment")
    until = text_member(predicate, "scope", "until")[:10]
    return f"{signed.signer} signed a waiver of {gate} for {stage} until {until}"


def _texts(value: JsonValue) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else ()


MATTERS: Mapping[str, Callable[[EvidenceBundle], Blocks]] = MappingProxyType(
    {
        "advisories": _advisories,
        "looks": _looks,
        "oversight": _overrides,
        "waivers": _waivers,
    }
)
"""The functions by their name in the `show` of a control."""
