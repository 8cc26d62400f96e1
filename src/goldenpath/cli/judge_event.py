"""The audit event of a canary step that a judgement has committed."""

from goldenpath import compose
from goldenpath.audit.events.event import Kind
from goldenpath.canary.judge import Judgement
from goldenpath.cli.changing import ActionContext, leave_change


def leave_judgement(judgement: Judgement, person: str, stage: str, model: str) -> None:
    """Append the event; none if nothing was committed."""
    if judgement.done is None:
        return
    digest = judgement.done.intent.deployment.slots[-1].digest
    is_step = judgement.verdict.action == "advance"
    kind: Kind = "rollout.stepped" if is_step else "rollout.rolled-back"
    place = ActionContext(person, stage, model, digest)
    leave_change(compose.home(), kind, place, judgement.done)
