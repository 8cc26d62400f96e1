"""The report's facts about the life of a release: approvals, deployments, alarms, corrections.

Commits show intentions and events show observations.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from goldenpath.audit.report.blocks import (
    Blocks,
    Bullets,
    CommandLines,
    Paragraph,
    paragraphs,
    table,
)
from goldenpath.audit.report.control_map import current_map
from goldenpath.audit.report.evidence_bundle import EvidenceBundle
from goldenpath.audit.report.texts import document
from goldenpath.audit.timeline.intervals import intervals
from goldenpath.release.attest.statement import APPROVAL, member
from goldenpath.release.evidence.training_statements import metrics_of, origin_of

LIMITS = (
    "A signature proves who said something, not that it is true.",
    "What happens outside of the platform is not seen: the truth of the data at its source, other "
    "models in the same decision, what case workers do with an answer, other uses of a test set.",
    "Commit times are the committers' own; no time-stamp authority confirmed any time.",
    "Events and predictions are chained, so that a change shows; whoever holds this machine could "
    "still cut the end of a log, unless its head was noted elsewhere.",
    "A text by a person is printed in its own language, as it was written.",
    "This is not a statement of conformity. It says what is proven, declared and missing.",
)


def _approvals(bundle: EvidenceBundle) -> Blocks:
    approvals = []
    for approval in bundle.of_type(APPROVAL):
        predicate = dict(approval.statement.predicate)
        stage = member(predicate, "scope", "environment") or predicate.get("stage") or ""
        evidence = member(predicate, "seen", "evidence")
        seen = f"{len(evidence)} documents" if isinstance(evidence, list) else "not said"
        until = member(predicate, "scope", "until") or ""
        if approval.signer in bundle.approved_own(str(stage)):
            until = "does not count: wrote a part of it"
        role = predicate.get("role") or ""
        approvals.append((approval.signer, role, stage, seen, until, approval.envelope))
    heads = ("Person", "Role", "Stage", "Had seen", "Counts until", "Signed statement")
    return table(heads, approvals)


def _predecessors(bundle: EvidenceBundle) -> Blocks:
    before: dict[str, str] = {}
    for intent in bundle.history:
        for slot in intent.slots:
            if slot.digest == bundle.digest:
                return (
                    *table(("Earlier release of the model", "First commit"), before.items()),
                    Paragraph("Differences of metrics: `goldenpath diff` of two releases."),
                )
            before.setdefault(slot.digest.text, intent.commit)
    return table(("Earlier release of the model", "First commit"), before.items())


def _changes(bundle: EvidenceBundle) -> Blocks:
    return table(
        ("Time", "Time is", "Stage", "Releases", "Signed by", "Approved by", "Reason", "Commit"),
        (
            (
                each.time.isoformat(),
                each.time_by,
                each.stage,
                " ".join(f"{slot.digest.short} {slot.percent} %" for slot in each.slots) or "none",
                each.signer or "NOBODY LISTED",
                "NOT KNOWN" if each.approvals_unknown else ", ".join(each.approved_by),
                each.reason,
                each.commit[:12],
            )
            for each in bundle.history
        ),
    )


def _alarms(bundle: EvidenceBundle) -> Blocks:
    alarms = [each for each in bundle.events if each.kind.startswith("drift.")]
    return table(
        ("Time", "What", "Stage", "By", "Details"),
        ((e.time, e.kind, e.stage, e.actor, _details(e.details)) for e in alarms),
    )


def _corrections(bundle: EvidenceBundle) -> Blocks:
    rollbacks = [each for each in bundle.events if each.kind == "rollout.rolled-back"]
    return table(
        ("Time", "Stage", "By", "Commit", "Details"),
        ((e.time, e.stage, e.actor, e.commit[:12], _details(e.details)) for e in rollbacks),
    )


def _details(details: Mapping[str, object] | None) -> str:
    plain = {name: value for name, value in (details or {}).items() if name != "slots"}
    return "; ".join(f"{name}: {value}" for name, value in sorted(plain.items()))


def _intervals(bundle: EvidenceBundle) -> Blocks:
    return table(
        ("Stage", "Server", "Ready", "Ended", "How it is known"),
        (
            (each.stage, each.replica, each.start, each.end or "", each.ending)
            for each in intervals(bundle.events, bundle.digest.text)
        ),
    )


def _actors(bundle: EvidenceBundle) -> Blocks:
    acted: dict[str, set[str]] = {}
    for intent in bundle.history:
        acted.setdefault(intent.signer or f"{intent.author} (not listed)", set()).add(
            "signed commits"
        )
        for name in intent.approved_by:
            acted.setdefault(name, set()).add("approved")
    for statement in bundle.verified.statements:
        if statement.kind == "person":
            acted.setdefault(statement.signer, set()).add("signed statements")
    return table(("Who acted", "How"), ((n, ", ".join(sorted(acted[n]))) for n in sorted(acted)))


def _log_state(bundle: EvidenceBundle) -> Blocks:
    lines = [f"Audit log: {len(bundle.events)} events about the model and the platform."]
    state = bundle.logs.events
    lines.append(f"It is {state.standing if state.holds else state.standing.upper()}.")
    if state.held:
        lines.append(f"As of then, {state.held}.")
    blocks = [Paragraph(each) for each in lines]
    log = bundle.predictions
    if log is not None:
        counted = (
            f"Prediction log: {log.records} records, {log.first} to {log.last}, "
            f"{log.lost} requests answered without one."
        )
        blocks.append(Paragraph(counted, "predictions"))
    blocks += [Paragraph(f"Fault: {each}.") for each in bundle.logs.faults]
    return tuple(blocks)


def _logs(bundle: EvidenceBundle) -> Blocks:
    return paragraphs(
        "One record for each prediction, chained and checkpointed; `goldenpath log` reads and "
        "checks it. Events of the platform: `goldenpath events`, `goldenpath events --check`."
    )


def _limits(bundle: EvidenceBundle) -> Blocks:
    return (Bullets(LIMITS),)


def _standards(bundle: EvidenceBundle) -> Blocks:
    return paragraphs(
        "As far as the map of this report knows, no standard for the AI Act is cited in the "
        "Official Journal: there is no presumption of conformity. ISO/IEC 42001 never gives one.",
        f"Law as read: {current_map().law} (CELEX {current_map().celex}).",
    )


APPLICATION = (
    ("2025-02-02", "prohibited practices, AI literacy", "Art. 113(a)"),
    ("2026-08-02", "general date of application", "Art. 113"),
    ("2026-11-20", "consumer credit: data, human intervention, explanation",
     "Directive (EU) 2023/2225 Art. 18, as transposed"),
    ("2027-12-02", "Articles 6 to 27 for systems of Annex III, such as credit scoring 5(b)",
     "Art. 113(c)(i), as amended by Regulation (EU) 2026/1744"),
    ("2028-08-02", "the same for products of Annex I", "Art. 113(c)(ii)"),
)  # fmt: skip
"""From when duties apply, as read for the map; to be checked by counsel."""


def _application(bundle: EvidenceBundle) -> Blocks:
    day = bundle.as_of[:10]
    return table(
        ("From", "Applied as of this report", "What", "Basis"),
        ((since, "yes" if since <= day else "no", what, law) for since, what, law in APPLICATION),
    )


def _differences(bundle: EvidenceBundle) -> Blocks:
    if bundle.predecessor is None:
        return ()
    before = {m.name: m for m in metrics_of(bundle.predecessor) if not m.slice}
    now = [m for m in metrics_of(bundle.verified) if not m.slice]
    return table(
        ("Metric", "Release before", "This release"),
        ((m.name, before[m.name].value if m.name in before else "", m.value) for m in now),
    )


def _declaration(bundle: EvidenceBundle) -> Blocks:
    return paragraphs(
        "Draft, of no effect until a person completes and signs it: one system, named "
        f"{bundle.model}, release {bundle.digest}; the provider of field 1.1 draws it up "
        "under sole responsibility."
    )


def _registration(bundle: EvidenceBundle) -> Blocks:
    system = bundle.file("system.yaml")
    value = document(system) if system is not None else {}
    first = min((each.start for each in intervals(bundle.events, "")), default="")
    return table(
        ("Entry", "Draft"),
        (
            ("System", bundle.model),
            ("Annex III point (declared)", value.get("annex_iii_point") or ""),
            ("First put into service (declared)", value.get("first_put_into_service") or ""),
            ("First seen running (observed)", first),
        ),
    )


def _statements(bundle: EvidenceBundle) -> Blocks:
    statements = sorted(
        bundle.verified.statements, key=lambda s: (s.statement.predicate_type, s.envelope.text)
    )
    return table(
        ("Statement", "Signed by", "Digest of the signed document"),
        ((s.statement.predicate_type, f"{s.signer} ({s.kind})", s.envelope) for s in statements),
    )  # fmt: skip


def how_to_check(bundle: EvidenceBundle) -> Blocks:
    """Return commands of other tools that verify the release without goldenpath."""
    origin = origin_of(bundle.verified)
    commit = origin.commit if origin else "COMMIT"
    image = f"REGISTRY/{bundle.model}@{bundle.digest}"
    lines = (
        "# the signature of the release, with the public key from platform.toml",
        f"cosign verify --key release.pub --insecure-ignore-tlog {image}",
        "# what is said about it, and that each document has the digest that is cited here",
        f"oras discover {image}",
        "sha256sum FILE",
        "# an approval: a statement and its SSH signature are the layers of its referrer",
        "ssh-keygen -Y verify -f allowed_signers -I PERSON -n NAMESPACE -s SIGNATURE < STATEMENT",
        "# the commits: what was intended, when, by whom",
        "git -C GITOPS log --show-signature -- envs/",
        f"git -C PROJECT show {commit}",
        "# every check of the verifier as commands of other tools, filled in",
        f"goldenpath verify {bundle.digest} --explain",
        "# this report: gather the same bundle and compare the bytes",
        f"goldenpath report {bundle.digest} --as-of {bundle.as_of}",
    )
    return (CommandLines(lines),)


NARRATE: Mapping[str, Callable[[EvidenceBundle], Blocks]] = MappingProxyType(
    {
        "approvals": _approvals,
        "predecessors": _predecessors,
        "changes": _changes,
        "alarms": _alarms,
        "corrections": _corrections,
        "intervals": _intervals,
        "actors": _actors,
        "log-state": _log_state,
        "logs": _logs,
        "limits": _limits,
        "standards": _standards,
        "declaration": _declaration,
        "application": _application,
        "differences": _differences,
        "registration": _registration,
        "statements": _statements,
        "verify": how_to_check,
    }
)
"""The functions by their name in the `show` of a control."""
