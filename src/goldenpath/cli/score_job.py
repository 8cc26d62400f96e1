"""`goldenpath score-job`: declare in git a Kubernetes Job that scores a table."""

from pathlib import Path

import click

from goldenpath import compose
from goldenpath.cli.acting import identity_options
from goldenpath.cli.output import Format, output_option, show
from goldenpath.cli.parameters import REASON
from goldenpath.cli.scoring_flags import scoring_flags
from goldenpath.cli.trusting import trust_record, trust_text
from goldenpath.serve.table.batch_scoring import ScoreOptions


@click.command()
@click.argument("job")
@scoring_flags
@click.option("--reason", type=REASON, required=True, help="Why, for the commit.")
@identity_options
@output_option
def verb(
    job: str,
    model: str,
    stage: str,
    wish: ScoreOptions,
    concurrency: int,
    reason: str,
    name: str | None,
    key: Path | None,
    output: Format,
) -> None:
    """Declare JOB, which scores DATA in a bucket by MODEL in the cluster of a stage.

    Argo CD applies the committed Job, which asks the servers of one release by its digest. After
    set-up a second person confirms it.
    """
    home, acting = compose.home(), compose.identity(name, key)
    outcome, declared = compose.declare_score_job(
        home, (job, stage, model), wish, acting=acting, concurrency=concurrency, reason=reason
    )
    record = {
        **trust_record(outcome),
        "path": declared.path,
        "release": declared.release.text,
        "image": declared.image,
    }
    text = f"{declared.path} asks {declared.release.text}: {trust_text(outcome)}"
    show(record, text, output)
