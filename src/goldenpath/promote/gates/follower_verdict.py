"""The gates of a stage, judged again by whoever follows git.

A promoter's decision is a record. Whether a release may run is derived from its evidence by the
same gates that `promote` asks, as of the commit by which it entered the stage. What was signed
later neither stops nor saves what runs. A gate whose facts a follower cannot read counts only if
enough approvers signed its finding.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.project.spec import Contract
from goldenpath.promote.gates.fact_gates import GATES
from goldenpath.promote.gates.gate import Evidence, Gate, Live, judge_all
from goldenpath.promote.gates.installed_gate import Installed, is_installed
from goldenpath.promote.gates.monitoring.findings_gate import MonitoredReleases, monitoring_gap
from goldenpath.promote.gates.monitoring.monitor_view import MonitorView
from goldenpath.promote.gates.test_sets.looks_gate import NOT_READ
from goldenpath.promote.gates.written_gates import Written, written_gates
from goldenpath.promote.manifests.desired import StageEntry
from goldenpath.promote.platform.alarm_rules import FINDINGS_GATE
from goldenpath.promote.platform.data_rules import TEST_SETS_GATE
from goldenpath.promote.platform.platform import Platform, Stage
from goldenpath.release.attest.policy import Finding, SignedStatement, Verified
from goldenpath.release.attest.statement import APPROVAL, member

if TYPE_CHECKING:
    from goldenpath.train.evaluation.evaluation_rows import Rows

_OF_LIVE = ("schema", "champion")
"""Gates that compare a release with the one that the stage ran before."""


@dataclass(frozen=True, slots=True)
class EntryFacts:
    """Everything that a follower read about one entry of a release into a stage."""

    entry: StageEntry
    contract: Contract
    documents: Mapping[str, bytes]
    live: Live | None = None
    rows: "Rows | None" = None
    unread: str = ""
    """Why the release that the stage ran before could not be read; empty if it could."""
    monitored: MonitorView | None = None
    """What the monitors of this machine know about the model; None if it has none."""


def all_gates(platform: Platform) -> tuple[Gate, ...]:
    """Return every gate that a stage may ask: the built-in ones and those of the platform."""
    return (*GATES, *written_gates(platform))


def rejudged(
    facts: EntryFacts,
    verified: Verified,
    platform: Platform,
    stage: Stage,
    *,
    model: str,
    approvals: Sequence[SignedStatement],
    cited: Collection[Digest] = (),
) -> tuple[Finding, ...]:
    """Return the finding of each gate of the stage but `approvals`, as of the entry.

    `approvals` are the valid approvals that the decision relies on, and `cited` its evidence.
    """
    entry = facts.entry
    evidence = Evidence(
        digest=verified.subject,
        model=model,
        verified=known_at(verified, entry.time, cited),
        contract=facts.contract,
        documents=facts.documents,
        live=facts.live,
        before_since=entry.before_since,
        actor="",
        platform=platform,
        rows=facts.rows,
        monitored=facts.monitored,
    )
    gates = all_gates(platform)
    unknown = dict(_unknown(facts, gates, stage, verified.subject))
    # Every finding would be about another model's rules.
    if facts.contract.name != model:
        return (_other_model(facts.contract.name, model),)
    try:
        findings = judge_all(gates, evidence, stage, entry.time)
    except InvalidInput as error:
        return (Finding("gates", "fail", error.message, error.hint or ""),)
    return tuple(
        _signed_for(each.check, unknown[each.check], stage, approvals)
        if each.check in unknown
        else each
        for each in findings
        if each.check != "approvals"
    )


def known_at(verified: Verified, moment: datetime, cited: Collection[Digest] = ()) -> Verified:
    """Return what was known at a time: statements of machines signed by then, or cited then.

    Statements of people stay, because each of them is judged by its own rules.
    """
    known = tuple(each for each in verified.statements if _was_known(each, moment, cited))
    return replace(verified, statements=known)


def _was_known(signed: SignedStatement, moment: datetime, cited: Collection[Digest]) -> bool:
    # What the decision cited was there, whatever its own time says.
    if signed.kind == "person" or signed.envelope in cited:
        return True
    made = signed.statement.signed_at
    # Without a signing time nothing says that it is later, and leaving it out could hide a failure.
    return made is None or made <= moment


def _other_model(name: str, model: str) -> Finding:
    message = f"the release is the model {name}, and git declares it as {model}"
    return Finding("model", "fail", message, f"promote it as {name}")


def _unknown(
    facts: EntryFacts, gates: Sequence[Gate], stage: Stage, digest: Digest
) -> Mapping[str, str]:
    """Return the gates whose facts cannot be read here, by name, with the reason."""
    unknown = {
        each.name: f"{each.named.object} is not installed here"
        for each in gates
        if isinstance(each, Installed) and not is_installed(each.named)
    }
    # A follower reads no other releases than those of the stage.
    unknown[TEST_SETS_GATE] = NOT_READ
    entry = facts.entry
    asked = MonitoredReleases.of(stage, entry.live, digest, entry.before_since)
    gap = monitoring_gap(facts.monitored, asked)
    # The findings of a release that cannot be read would be compared with none.
    if gap := gap or facts.unread:
        unknown[FINDINGS_GATE] = gap
    if facts.unread:
        comparing = [each.name for each in gates if _compares(each)]
        unknown |= {name: facts.unread for name in (*_OF_LIVE, *comparing) if name not in unknown}
    return unknown


def _compares(gate: Gate) -> bool:
    """Whether a gate of the platform may look at the release that the stage ran before."""
    if isinstance(gate, Written):
        return "live" in gate.expression.when + gate.expression.require
    # Code of a company's own gate may look at anything, so it counts as if it compared.
    return isinstance(gate, Installed)


def _signed_for(
    check: str, reason: str, stage: Stage, approvals: Sequence[SignedStatement]
) -> Finding:
    """Return the finding of a gate that cannot be judged here, from what approvers signed."""
    people = sorted({each.signer for each in approvals if _saw_open(each, check)})
    # At least one, even in a stage without approvals: "could not find out" is no pass.
    if len(people) >= max(1, stage.approvals):
        return Finding(check, "pass", f"{', '.join(people)} signed that it was open; {reason}")
    return Finding(
        check,
        "fail",
        f"cannot be judged here, and {len(people)} of {max(1, stage.approvals)} approvers signed "
        f"that it was open: {reason}",
        "make the missing facts available here, then it is judged again",
    )


def _saw_open(approval: SignedStatement, check: str) -> bool:
    """Whether the approver signed that this gate was open."""
    listed: JsonValue = member(approval.statement.predicate.get("seen"), "findings")
    about = [
        member(each, "status")
        for each in (listed if isinstance(listed, list) else ())
        if member(each, "check") == check
    ]
    is_approval = approval.statement.predicate_type == APPROVAL
    # `bool(about)`: an approval that names no findings saw nothing. A waived gate was not open.
    return is_approval and bool(about) and all(s in ("pass", "not applicable") for s in about)
