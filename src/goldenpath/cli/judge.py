"""`goldenpath judge`: judge a canary once by prediction log or Prometheus, for a periodic job."""

import sys
from pathlib import Path

import click

from goldenpath import compose
from goldenpath.cli.acting import identity_options
from goldenpath.cli.judge_event import leave_judgement
from goldenpath.cli.judge_page import judgement_page, judgement_record
from goldenpath.cli.naming import MODEL, stage_option
from goldenpath.cli.output import Format, note, output_option, show
from goldenpath.errors import GoldenPathError


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
        leave_judgement(judgement, acting.name, stage, model)
        show(judgement_record(judgement), judgement_page(judgement), output)
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
            leave_judgement(judgement, acting.name, stage, each)
            judgements.append(judgement)
    text = "\n".join(map(judgement_page, judgements)) or f"no canary of {stage} was judged"
    show([judgement_record(each) for each in judgements], text, output)
    if failure:
        sys.exit(failure)
