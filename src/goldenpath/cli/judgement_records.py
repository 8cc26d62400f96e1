"""The signed approvals and waivers of a release, for JSON output."""

from goldenpath.promote.acts.intents import Approval, GateWaiver
from goldenpath.promote.workspace.workspace import Outcome
from goldenpath.release.attest.statement import render_time


def approval_record(outcome: Outcome[Approval]) -> dict[str, object]:
    """Return an approval for JSON output."""
    intent = outcome.intent
    return {
        "person": intent.person,
        "stage": intent.stage,
        "model": intent.model,
        "digest": intent.digest,
        "envelope": outcome.envelope,
        "until": intent.until.isoformat(timespec="seconds"),
        "evidence": intent.evidence,
        "confirmed": intent.confirms,
        "commit": outcome.commit,
        "branch": outcome.branch,
        "request": outcome.request,
    }


def waiver_record(outcome: Outcome[GateWaiver]) -> dict[str, object]:
    """Return a waiver for JSON output."""
    intent = outcome.intent
    return {
        "person": intent.person,
        "gate": intent.gate,
        "stage": intent.stage,
        "model": intent.model,
        "digest": intent.digest,
        "envelope": outcome.envelope,
        "until": render_time(intent.until),
        "reason": intent.reason,
        "said": intent.message,
    }
