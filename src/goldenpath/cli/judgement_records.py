"""The signed approvals and waivers of a release, for JSON output."""

from goldenpath.promote.acts.intents import Approval, GateWaiver
from goldenpath.promote.workspace.workspace import Outcome
from goldenpath.release.attest.statement import render_time


def approval_record(done: Outcome[Approval]) -> dict[str, object]:
    """Return an approval for JSON output."""
    intent = done.intent
    return {
        "person": intent.person,
        "stage": intent.stage,
        "model": intent.model,
        "digest": intent.digest,
        "envelope": done.envelope,
        "until": intent.until.isoformat(timespec="seconds"),
        "evidence": intent.evidence,
        "confirmed": intent.confirms,
        "commit": done.commit,
        "branch": done.branch,
        "request": done.request,
    }


def waiver_record(done: Outcome[GateWaiver]) -> dict[str, object]:
    """Return a waiver for JSON output."""
    intent = done.intent
    return {
        "person": intent.person,
        "gate": intent.gate,
        "stage": intent.stage,
        "model": intent.model,
        "digest": intent.digest,
        "envelope": done.envelope,
        "until": render_time(intent.until),
        "reason": intent.reason,
        "said": intent.message,
    }
