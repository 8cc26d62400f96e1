"""`goldenpath judge`: judge a canary once by prediction log or Prometheus, for a periodic job."""

from dataclasses import fields
from pathlib import Path

import click

from goldenpath import compose
from goldenpath.cli.acting import identity_options
from goldenpath.cli.changing import ActionContext, change_record, leave_change
from goldenpath.cli.naming import MODEL, stage_option
from goldenpath.cli.output import Format, output_option, show


@click.command()
@click.argument("model", type=MODEL)
@stage_option("The stage that it runs in.")
@click.option("--dry-run", is_flag=True, help="Show the verdict and commit nothing.")
@identity_options
@output_option
def verb(
    model: str, stage: str, dry_run: bool, name: str | None, key: Path | None, output: Format
) -> None:
    """Judge the canary of MODEL once; advance, hold or roll back by a signed commit.

    Without counts there is no verdict: the canary stays, and the exit code says so.
    """
    home = compose.home()
    acting = compose.identity(name, key)
    judgement = compose.judged(home, acting, model, stage, dry_run=dry_run)
    if judgement is None:
        show({"canary": None}, f"{stage}/{model} has no canary: nothing to judge", output)
        return
    verdict = judgement.verdict
    if judgement.done is not None:
        digest = judgement.done.intent.deployment.slots[-1].digest
        place = ActionContext(acting.name, stage, model, digest)
        is_step = verdict.action == "advance"
        leave_change(
            home, "rollout.stepped" if is_step else "rollout.rolled-back", place, judgement.done
        )
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
    record = {field.name: getattr(judgement, field.name) for field in fields(judgement)}
    record["done"] = None if judgement.done is None else change_record(judgement.done)
    show(record, "\n".join(lines), output)
