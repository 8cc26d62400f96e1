"""What people signed about a release, as JSON shows it."""

from goldenpath.promote.acts.intents import Approval, GateWaiver
from goldenpath.promote.workspace.workspace import Outcome
from goldenpath.release.attest.statement import render_time


def approval_record(done: Outcome[Approval]) -> dict[str, object]:
    """An approval as JSON shows it."""
    said = done.intent
    return {
        "person": said.person,
        "stage": said.stage,
        "model": said.model,
        "digest": said.digest,
        "envelope": done.envelope,
        "until": said.until.isoformat(timespec="seconds"),
        "evidence": said.evidence,
        "confirmed": said.confirms,
        "commit": done.commit,
        "branch": done.branch,
        "request": done.request,
    }


def waiver_record(done: Outcome[GateWaiver]) -> dict[str, object]:
    """A waiver as JSON shows it."""
    said = done.intent
    return {
        "person": said.person,
        "gate": said.gate,
        "stage": said.stage,
        "model": said.model,
        "digest": said.digest,
        "envelope": done.envelope,
        "until": render_time(said.until),
        "reason": said.reason,
        "said": said.message,
    }
