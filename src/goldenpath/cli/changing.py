"""Shared by the verbs that change a stage: their output and their audit event."""

import sys
from dataclasses import dataclass

from goldenpath import compose
from goldenpath.audit.events.event import Event, Kind
from goldenpath.canonical import JsonValue
from goldenpath.cli.findings_page import findings_text
from goldenpath.cli.output import Format, note, show
from goldenpath.digest import Digest
from goldenpath.errors import REFUSED
from goldenpath.home import Home
from goldenpath.promote.acts.intents import PromotionIntent
from goldenpath.promote.workspace.workspace import Outcome
from goldenpath.times import timestamp


@dataclass(frozen=True, slots=True)
class ActionContext:
    """The place of an action, and the person who acted."""

    actor: str
    stage: str
    model: str
    digest: Digest


def leave_event(
    home: Home, kind: Kind, place: ActionContext, commit: str, *, details: dict[str, JsonValue]
) -> None:
    """Append one event to the audit log."""
    event = Event(
        time=timestamp(compose.now()),
        kind=kind,
        actor=place.actor,
        stage=place.stage,
        model=place.model,
        digest=place.digest.text,
        commit=commit,
        details=details,
    )
    if commit:
        # `goldenpath up` may have derived it from the commit already.
        compose.commit_events(home, compose.gitops(home)).append(event)
    else:
        compose.event_log(home).append(event)


def leave_change(
    home: Home, kind: Kind, place: ActionContext, outcome: Outcome[PromotionIntent]
) -> None:
    """Append the event of a change of a stage, and wake `up` to read git now.

    A change that waits in a branch leaves no event yet.
    """
    if not outcome.commit:
        return
    slots: list[JsonValue] = [
        {"name": slot.name, "digest": slot.digest.text, "percent": slot.percent}
        for slot in (outcome.deployment.slots if outcome.deployment is not None else ())
    ]
    approvers: list[JsonValue] = list(outcome.approved_by)
    details: dict[str, JsonValue] = {
        "slots": slots,
        "approvers": approvers,
        "reason": outcome.reason,
    }
    if outcome.envelope is not None:
        details["decision"] = outcome.envelope.text
    if outcome.decision is not None and outcome.decision.break_glass is not None:
        details["breakGlass"] = outcome.decision.break_glass.to_json()
    leave_event(home, kind, place, outcome.commit, details=details)
    compose.wake(home)


def change_record(outcome: Outcome[PromotionIntent]) -> dict[str, object]:
    """Return a change of a stage for JSON: the decision and the place of the commit."""
    return {
        "decision": outcome.decision,
        "deployment": outcome.deployment,
        "commit": outcome.commit,
        "approved_by": outcome.approved_by,
        "envelope": outcome.envelope,
        "reason": outcome.reason,
        "diff": outcome.diff,
        "branch": outcome.branch,
        "request": outcome.request,
    }


def show_change(place: ActionContext, outcome: Outcome[PromotionIntent], output: Format) -> None:
    """Show what a change of a stage did."""
    lines = []
    if outcome.decision is not None:
        lines.append(findings_text(outcome.decision.findings))
    if (
        outcome.decision is not None
        and outcome.decision.break_glass is not None
        and outcome.deployment
    ):
        lines.append(f"break-glass: {outcome.decision.break_glass.summary(compose.now())}")
    if outcome.deployment is not None:
        shares = ", ".join(f"{s.digest.short} {s.percent} %" for s in outcome.deployment.slots)
        lines.append(f"{place.stage}/{place.model}: {shares}")
    if outcome.diff:
        lines.append(outcome.diff.rstrip())
    if outcome.branch:
        lines.append(
            f"main accepts no push: the commit waits in the branch {outcome.branch}\n"
            f"{outcome.request.instruction}"
        )
    else:
        lines.append(f"commit {outcome.commit}" if outcome.commit else "nothing was changed")
    show(change_record(outcome), "\n".join(lines), output)


def note_change(change: str, stage: str, digest: Digest) -> None:
    """Let the bank's command check the ID of a change, and note whether it did."""
    checked = compose.check_change(change, stage, digest)
    if checked:
        note(checked)


def end_promotion(
    home: Home, place: ActionContext, outcome: Outcome[PromotionIntent], *, dry_run: bool
) -> None:
    """Leave the event of a promotion, or of its refusal, which ends the process."""
    if outcome.deployment is None:
        if not dry_run:
            leave_event(home, "release.refused", place, "", details={"gates": list(outcome.closed)})
        refuse(place)
    if outcome.commit:
        leave_change(home, "release.promoted", place, outcome)


def refuse(place: ActionContext) -> None:
    """Report that the gates are closed, and exit with the code of a refusal."""
    note(f"{place.digest.short} was not let into {place.stage}")
    sys.exit(REFUSED)
