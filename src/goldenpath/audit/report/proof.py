"""The status of each piece of evidence that a field of the report needs, with the reason.

Four cases stay apart: verified evidence (signed by a listed key for this release), observations,
declarations by people, and missing evidence.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal, get_args

from goldenpath.audit.events.log_state import LogState
from goldenpath.audit.report.control_map import Control
from goldenpath.audit.report.evidence_bundle import EvidenceBundle
from goldenpath.audit.report.field_proofs import FIELD_PROOFS
from goldenpath.audit.report.open_matters import is_recent, last_scan
from goldenpath.audit.report.texts import find_text, is_demanded
from goldenpath.digest import Digest
from goldenpath.promote.gates.measured import ROBUSTNESS
from goldenpath.promote.manifests.desired import Slot
from goldenpath.release.attest.statement import (
    APPROVAL,
    DATASET,
    DECISION,
    METRICS,
    OURS,
    PROVENANCE,
    SBOM,
    SCAN,
    SIGNED,
    TEST_RESULT,
)
from goldenpath.release.evidence.training_statements import metrics_of

Status = Literal[
    "CONTRADICTED",
    "MISSING",
    "STALE",
    "WAIVED",
    "NOT YET OBSERVABLE",
    "DECLARED",
    "GENERATED",
    "OBSERVED",
    "PROVEN",
    "NOT APPLICABLE",
]
"""From worst to best. A field has the worst status among its pieces of evidence."""

ORDER: tuple[Status, ...] = get_args(Status)

MEANING: Mapping[Status, str] = MappingProxyType(
    {
        "PROVEN": "a statement was found, its signature is good, it is bound to this release",
        "OBSERVED": "the platform saw it and wrote it down in a chained log; nobody signed it",
        "GENERATED": "goldenpath wrote it from the bundle; no statement proves it",
        "DECLARED": "a text by a person, approved, in date, no contradiction found",
        "STALE": "approved, but older than its review date",
        "WAIVED": "a waiver is in force",
        "MISSING": "nothing is there",
        "CONTRADICTED": "two pieces disagree",
        "NOT YET OBSERVABLE": "needs time, or something to happen",
        "NOT APPLICABLE": "a rule says that it is not asked for",
    }
)


@dataclass(frozen=True, slots=True)
class Proof:
    """One need of a field, and the status of its evidence."""

    need: str
    status: Status
    note: str
    """One sentence with the names and digests that identify the evidence."""
    text: str = ""
    """The text by a person, verbatim. Empty if there is none."""


STATEMENTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "provenance": (PROVENANCE, "provenance of the build"),
        "sbom": (SBOM, "bill of materials"),
        "dataset": (DATASET, "statement on the data sets"),
        "metrics": (METRICS, "evaluation"),
        "tests": (TEST_RESULT, "test results"),
        "signature": (SIGNED, "signature of the release"),
        "decision": (DECISION, "decision of the gates"),
        "approval": (APPROVAL, "approval by a person"),
        "scan": (SCAN, "scan for unsafe files, secrets, licences and known weaknesses"),
    }
)

_BY_OTHERS: Mapping[str, str] = MappingProxyType(
    {
        "reviews": "exported record of code reviews (E02)",
        "explanation": "explanation report (E13)",
        "attack": "report on trials of attacks (E12)",
        "envelope-gate": "verdict on the envelope of allowed changes (E14)",
        "oversight-events": "record of overrides, second looks and stop drills (E22)",
        "cleaning": "count of rows at each step of cleaning (E09)",
        "peers": "observation of network peers (E18)",
        "retention-drill": "drill of restoring a release from the archive",
        "hardware": "statement on the hardware that it is meant to run on",
        "energy": "measurement or estimate of the energy of the training",
        "test-logs": "log of the tests",
    }
)


def prove(bundle: EvidenceBundle, control: Control) -> tuple[Proof, ...]:
    """Return a proof for each need of a field."""
    return tuple(prove_need(bundle, need, control.rule) for need in control.needs)


def worst(proofs: tuple[Proof, ...]) -> Status:
    """Return the worst status among the proofs."""
    return min((proof.status for proof in proofs), key=ORDER.index)


def prove_need(bundle: EvidenceBundle, need: str, rule: str = "") -> Proof:
    """Return the proof of one need; `rule` is the rule of a field that is not asked for."""
    if need in STATEMENTS:
        return _statement(bundle, need)
    if need in _PROVERS:
        return _PROVERS[need](bundle)
    if need in FIELD_PROOFS:
        return Proof(need, *FIELD_PROOFS[need](bundle))
    if need == "rule":
        return Proof(need, "NOT APPLICABLE", rule)
    if need in _BY_OTHERS:
        return _attached(bundle, need, f"{OURS}{need}/v1", _BY_OTHERS[need])
    text = find_text(bundle, need)
    note = f"{need}: {text.note}"
    if text.standing == "MISSING" and is_demanded(bundle, need) is False:
        note += "; the tier of this release does not ask for it"
    return Proof(need, text.standing, note, text.body)


def _statement(bundle: EvidenceBundle, need: str) -> Proof:
    return _attached(bundle, need, *STATEMENTS[need])


def _attached(bundle: EvidenceBundle, need: str, predicate_type: str, name: str) -> Proof:
    """Look for a statement of that type."""
    statements = bundle.of_type(predicate_type)
    if not statements:
        return Proof(need, "MISSING", f"no {name} with a good signature is attached")
    signers = ", ".join(sorted({f"{each.signer} ({each.kind})" for each in statements}))
    cited = ", ".join(each.envelope.text for each in statements)
    return Proof(need, "PROVEN", f"{name}, signed by {signers}: {cited}")


def _image_file(name: str) -> Callable[[EvidenceBundle], Proof]:
    def proof(bundle: EvidenceBundle) -> Proof:
        content = bundle.file(name)
        if content is None:
            return Proof(name, "MISSING", f"{name} is not in the release")
        where = f"{name} in the release, {Digest.of(content)}"
        if not bundle.is_signed:
            return Proof(name, "MISSING", f"{where}; the release is not verified")
        return Proof(name, "PROVEN", where)

    return proof


def _commits(bundle: EvidenceBundle) -> Proof:
    about = [each for each in bundle.history if _names(each.slots, bundle)]
    if not about:
        return Proof("commits", "NOT YET OBSERVABLE", "no commit has named this release so far")
    unsigned = [each.commit[:12] for each in about if not each.signer]
    if unsigned:
        listed = ", ".join(unsigned)
        return Proof(
            "commits", "CONTRADICTED", f"commits without a signature that counts: {listed}"
        )
    return Proof("commits", "PROVEN", f"{len(about)} signed commits of the gitops repository")


def _names(slots: tuple[Slot, ...], bundle: EvidenceBundle) -> bool:
    return any(slot.digest == bundle.digest for slot in slots)


def _events(bundle: EvidenceBundle) -> Proof:
    if bundle.logs.events.faults:
        return _damaged("events", bundle.logs.events)
    about = [each for each in bundle.events if each.digest == bundle.digest.text]
    ready = [each for each in about if each.kind == "server.ready"]
    if not ready:
        return Proof("events", "NOT YET OBSERVABLE", "no server of this release was ever seen")
    note = f"{len(about)} events, chain whole, head {bundle.events_head}"
    if bundle.logs.events.held:
        note += f"; {bundle.logs.events.held}"
    return Proof("events", "OBSERVED", note)


def _damaged(need: str, state: LogState) -> Proof:
    return Proof(need, "CONTRADICTED", f"the log is {state.standing}: {'; '.join(state.faults)}")


def _predictions(bundle: EvidenceBundle) -> Proof:
    log = bundle.predictions
    if bundle.logs.predictions.faults:
        return _damaged("predictions", bundle.logs.predictions)
    if log is not None and log.lost:
        note = f"{log.lost} requests were answered without a record, by the count of the server"
        return Proof("predictions", "MISSING", f"{note}; {log.records} records are there")
    if log is None or log.records == 0:
        return Proof("predictions", "NOT YET OBSERVABLE", "no prediction is recorded so far")
    return Proof("predictions", "OBSERVED", f"{log.records} records from {log.first} to {log.last}")


def _alarms(bundle: EvidenceBundle) -> Proof:
    if bundle.logs.events.faults:
        return _damaged("alarms", bundle.logs.events)
    alarms = [each for each in bundle.events if each.kind.startswith("drift.")]
    if not alarms:
        return Proof("alarms", "NOT YET OBSERVABLE", "no alarm has been raised so far")
    return Proof("alarms", "OBSERVED", f"{len(alarms)} events on drift")


def _outcomes(bundle: EvidenceBundle) -> Proof:
    if bundle.logs.faults:
        logs = bundle.logs
        return _damaged("outcomes", logs.events if logs.events.faults else logs.predictions)
    added = [each for each in bundle.events if each.kind == "labels.added"]
    if added:
        note = f"labels became known {len(added)} times, last at {added[-1].time}"
        return Proof("outcomes", "OBSERVED", f"{note}; `goldenpath performance` joins them")
    note = "no outcome has been joined to a prediction: how right it was live is not known yet"
    return Proof("outcomes", "NOT YET OBSERVABLE", note)


def _robustness(bundle: EvidenceBundle) -> Proof:
    measured = [m.name for m in metrics_of(bundle.verified) if m.name.startswith(ROBUSTNESS)]
    if not measured:
        return Proof("robustness", "MISSING", "the signed evaluation has no metric of robustness")
    cited = ", ".join(each.envelope.text for each in bundle.of_type(METRICS))
    return Proof("robustness", "PROVEN", f"{', '.join(sorted(set(measured)))}, in {cited}")


def _predecessor(bundle: EvidenceBundle) -> Proof:
    need, before = "predecessor-metrics", bundle.predecessor
    if before is None:
        return Proof(need, "NOT APPLICABLE", "no commit has placed an earlier release")
    evaluations = before.of_type(METRICS)
    if not evaluations:
        note = f"no evaluation of the release before, {before.subject}, counts"
        return Proof(need, "MISSING", note)
    cited = ", ".join(each.envelope.text for each in evaluations)
    return Proof(need, "PROVEN", f"evaluation of the release before, {before.subject}: {cited}")


def _monitor(bundle: EvidenceBundle) -> Proof:
    if bundle.logs.predictions.faults:
        return _damaged("monitor-events", bundle.logs.predictions)
    if bundle.predictions is None or not bundle.predictions.records:
        return Proof("monitor-events", "NOT YET OBSERVABLE", "no answer could be monitored so far")
    if not bundle.monitored:
        note = "answers are recorded, and no monitor has counted them"
        return Proof("monitor-events", "MISSING", note)
    return Proof("monitor-events", "OBSERVED", f"monitored in {', '.join(bundle.monitored)}")


def _incidents(bundle: EvidenceBundle) -> Proof:
    if bundle.logs.events.faults:
        return _damaged("incidents", bundle.logs.events)
    rollbacks = [each for each in bundle.events if each.kind == "rollout.rolled-back"]
    if not rollbacks:
        note = "no incident and no corrective change is recorded"
        return Proof("incidents", "NOT YET OBSERVABLE", note)
    text = find_text(bundle, "incidents/*")
    if text.standing == "MISSING":
        note = f"{len(rollbacks)} corrective changes, and no person has described an incident"
        return Proof("incidents", "MISSING", note)
    return Proof("incidents", text.standing, text.note, text.body)


def _oversight(bundle: EvidenceBundle) -> Proof:
    """Overrides with a signature that counts, or else a statement about oversight as practised."""
    need = "oversight-events"
    if bundle.logs.events.faults:
        return _damaged(need, bundle.logs.events)
    altered = [each for each in bundle.overrides if each.is_altered]
    if altered:
        listed = "; ".join(f"{each.prediction} of {each.time}: {each.fault}" for each in altered)
        return Proof(need, "CONTRADICTED", f"records of overridden answers were altered: {listed}")
    counted = [each for each in bundle.overrides if not each.fault]
    refused = "; ".join(dict.fromkeys(each.fault for each in bundle.overrides if each.fault))
    doubt = f"; {len(bundle.overrides) - len(counted)} do not count: {refused}" if refused else ""
    if not counted:
        found = _attached(bundle, need, f"{OURS}{need}/v1", _BY_OTHERS[need])
        return replace(found, note=f"{found.note}{doubt}")
    signers = ", ".join(sorted({each.by for each in counted}))
    note = f"{len(counted)} records of answers that people overrode, signed by {signers}"
    return Proof(need, "OBSERVED", f"{note}, last at {counted[-1].time}{doubt}")


def _advisories(bundle: EvidenceBundle) -> Proof:
    """What is live was compared with advisories lately; which of them are open is shown."""
    need = "advisories"
    if bundle.logs.events.faults:
        return _damaged(need, bundle.logs.events)
    scan, open_ones = last_scan(bundle), [each for each in bundle.advisories if each.is_open]
    if not scan and not bundle.advisories:
        return Proof(need, "MISSING", "what is live was never compared with known vulnerabilities")
    if not is_recent(scan, bundle.as_of):
        last = f"last at {scan}" if scan else "at no time that is written down"
        note = f"what is live was compared with known vulnerabilities {last}: too long ago"
        return Proof(need, "MISSING", note)
    late = sum(each.is_overdue for each in open_ones)
    note = f"compared with known vulnerabilities at {scan}: {len(open_ones)} open, {late} overdue"
    return Proof(need, "OBSERVED", note)


def _looks(bundle: EvidenceBundle) -> Proof:
    """How often signed evaluations looked at the data. That nobody else looked has no proof."""
    need, data = "looks", bundle.data_looks
    if bundle.looks is None:
        return Proof(need, "MISSING", "nobody counted how often the data were looked at")
    if not data:
        note = "no signed evaluation names the data that it was measured on"
        return Proof(need, "MISSING", note)
    worst = max(data, key=lambda each: each.adaptive_bound)
    note = (
        f"{worst.most} looks at {', '.join(worst.names)} are known or possible; the best of them "
        f"flatters a mean between 0 and 1 by at most {worst.adaptive_bound:.4f} at 95 %"
    )
    return Proof(need, "GENERATED", note)


def _generator(bundle: EvidenceBundle) -> Proof:
    return Proof("generator", "GENERATED", f"made by {bundle.generator} from this bundle")


_PROVERS: Mapping[str, Callable[[EvidenceBundle], Proof]] = MappingProxyType(
    {
        "contract": _image_file("contract.json"),
        "lock": _image_file("uv.lock"),
        "commits": _commits,
        "events": _events,
        "predictions": _predictions,
        "alarms": _alarms,
        "outcomes": _outcomes,
        "robustness": _robustness,
        "predecessor-metrics": _predecessor,
        "monitor-events": _monitor,
        "incidents": _incidents,
        "oversight-events": _oversight,
        "advisories": _advisories,
        "looks": _looks,
        "generator": _generator,
    }
)
