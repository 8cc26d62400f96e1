"""`goldenpath score`: score a table of any size by the model that a stage serves."""

from pathlib import Path

import click

from goldenpath import compose
from goldenpath.cli.naming import MODEL, stage_option
from goldenpath.cli.output import Format, note, output_option, show
from goldenpath.cli.parameters import NAMES, READABLE
from goldenpath.serve.table.batch_scoring import ScoreOptions


@click.command()
@click.argument("model", type=MODEL)
@click.argument("data", type=READABLE)
@stage_option("The stage whose release scores.")
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="A .parquet, .arrow or .csv file."
)
@click.option("--release", default="", help="Only if the stage declares exactly this release.")
@click.option("--keep", type=NAMES, default=(), help="Columns of DATA to write beside the answers.")
@click.option("--subject", default="", help="Column with the person whom a row is about.")
@click.option(
    "--concurrency", type=click.IntRange(1, 64), default=4, show_default=True,
    help="Requests at a time.",
)  # fmt: skip
@click.option("--process", help="Business process, for the records.")
@click.option("--channel", help="Channel of the request, for the records.")
@output_option
def verb(
    model: str,
    data: Path,
    stage: str,
    out: Path,
    release: str,
    keep: tuple[str, ...],
    subject: str,
    concurrency: int,
    process: str | None,
    channel: str | None,
    output: Format,
) -> None:
    """Score the rows of DATA (Parquet, Arrow, CSV or JSON) by MODEL and write the answers.

    The model server answers, with the same contract, policy and records as for every caller. After
    a crash the same command goes on where it ended.
    """
    named = {"process": process, "channel": channel}
    labels = {name: label for name, label in named.items() if label}
    scored = compose.score(
        compose.home(),
        stage,
        model,
        ScoreOptions(data, out, keep, subject, labels),
        release=release,
        concurrency=concurrency,
        report=note,
    )
    lines = [
        f"{scored.rows} rows in {out}, {scored.refused} of them refused, in {scored.seconds:g} s",
        *(f"{rows:>9} {digest}" for digest, rows in scored.releases.items()),
        *(f"{rows:>9} {outcome}" for outcome, rows in scored.outcomes.items()),
    ]
    show(scored, "\n".join(lines), output)
