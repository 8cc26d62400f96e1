"""`goldenpath judge`: judge a canary once by prediction log or Prometheus, for a periodic job."""

import sys
from dataclasses import fields
from pathlib import Path

import click

from goldenpath import compose
from goldenpath.audit.events.event import Kind
from goldenpath.canary.judge import Judgement
from goldenpath.cli.acting import identity_options
from goldenpath.cli.changing import ActionContext, change_record, leave_change
from goldenpath.cli.naming import MODEL, stage_option
from goldenpath.cli.output import Format, note, output_option, show
from goldenpath.errors import GoldenPathError
from goldenpath.promote.repository.identity import Identity


@click.command()
@click.argument("model", type=MODEL, required=False)
@stage_option("The stage that it runs in.")
@click.option("--dry-run", is_flag=True, help="Show the verdict and commit nothing.")
@identity_options
@output_option
def verb(
    model: str | None,
    stage: str,
    dry_run: bool,
    name: str | None,
    key: Path | None,
    output: Format,
) -> None:
    """Judge the canary of MODEL once; advance, hold or roll back by a signed commit.

    Without counts there is no verdict: the canary stays, and the exit code says so. Without MODEL
    each canary of the stage is judged, whatever becomes of the others.
    """
    home = compose.home()
    acting = compose.identity(name, key)
    if model is not None:
        judgement = compose.judged(home, acting, model, stage, dry_run=dry_run)
        if judgement is None:
            show({"canary": None}, f"{stage}/{model} has no canary: nothing to judge", output)
            return
        _leave(judgement, acting, stage, model)
        show(_record(judgement), _text(judgement), output)
        return
    judgements, failure = [], 0
    for each in compose.canaries(home, stage):
        try:
            judgement = compose.judged(home, acting, each, stage, dry_run=dry_run)
        except GoldenPathError as error:
            # The canaries of other models are no worse for it.
            note(f"{stage}/{each}: {error.message}")
            failure = failure or error.exit_code
            continue
        if judgement is not None:
            _leave(judgement, acting, stage, each)
            judgements.append(judgement)
    text = "\n".join(map(_text, judgements)) or f"no canary of {stage} was judged"
    show([_record(each) for each in judgements], text, output)
    if failure:
        sys.exit(failure)


def _leave(judgement: Judgement, acting: Identity, stage: str, model: str) -> None:
    """Append the event of what was committed."""
    if judgement.done is None:
        return
    digest = judgement.done.intent.deployment.slots[-1].digest
    place = ActionContext(acting.name, stage, model, digest)
    is_step = judgement.verdict.action == "advance"
    kind: Kind = "rollout.stepped" if is_step else "rollout.rolled-back"
    leave_change(compose.home(), kind, place, judgement.done)


def _text(judgement: Judgement) -> str:
    verdict = judgement.verdict
    lines = [
        f"{judgement.name}: {verdict.action} at {judgement.percent} percent: {verdict.reason}",
        f"  {verdict.requests} answers of the canary since {judgement.since.isoformat()}",
        *(f"  {each.summary}" for each in verdict.telling),
        *(f"  not known: {each}" for each in verdict.gaps),
    ]
    if judgement.done is not None and judgement.done.branch:
        lines.append(
            f"main accepts no push: the commit waits in the branch {judgement.done.branch}"
        )
    else:
        lines.append(f"commit {judgement.commit}" if judgement.commit else "nothing was changed")
    return "\n".join(lines)


def _record(judgement: Judgement) -> dict[str, object]:
    record = {field.name: getattr(judgement, field.name) for field in fields(judgement)}
    record["done"] = None if judgement.done is None else change_record(judgement.done)
    return record
