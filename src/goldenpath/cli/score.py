"""`goldenpath score`: score a table of any size by the model that a stage serves."""

import click

from goldenpath import compose
from goldenpath.cli.output import Format, note, output_option, show
from goldenpath.cli.scoring_flags import scoring_flags
from goldenpath.serve.table.batch_scoring import ScoreOptions


@click.command()
@scoring_flags
@click.option("--server", default="", help="Ask this server, http://HOST, and not the gateway.")
@output_option
def verb(
    model: str, stage: str, wish: ScoreOptions, concurrency: int, server: str, output: Format
) -> None:
    """Score DATA (Parquet, Arrow, CSV, JSON; a file, a folder or s3://) by MODEL.

    The model server answers, with the same contract, policy and records as for every caller. After
    a crash the same command goes on where it ended.
    """
    scored = compose.score(
        compose.home(), stage, model, wish, server=server, concurrency=concurrency, report=note
    )
    lines = [
        f"{scored.rows} rows in {wish.out}, {scored.refused} of them refused, in "
        f"{scored.seconds:g} s",
        *(f"{rows:>9} {digest}" for digest, rows in scored.releases.items()),
        *(f"{rows:>9} {outcome}" for outcome, rows in scored.outcomes.items()),
    ]
    show(scored, "\n".join(lines), output)
