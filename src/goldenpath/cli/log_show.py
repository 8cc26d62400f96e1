"""`goldenpath log show`: show records of the prediction log."""

from datetime import datetime
from itertools import islice

import click

from goldenpath import compose
from goldenpath.cli.naming import MODEL, stage_filter
from goldenpath.cli.output import Format, output_option, show
from goldenpath.cli.parameters import in_utc
from goldenpath.cli.tables import TableRow, table
from goldenpath.observe.log.log_reader import Record, records
from goldenpath.observe.log.segments.stored_segments import stored_segments


@click.command("show")
@click.option("--model", type=MODEL, help="Only this model.")
@stage_filter()
@click.option("--since", type=click.DateTime(), help="Only from this time on, UTC.")
@click.option(
    "--limit", type=click.IntRange(1), default=20, show_default=True, help="At most this many."
)
@output_option
def show_records(
    model: str | None, stage: str | None, since: datetime | None, limit: int, output: Format
) -> None:
    """Show records, the newest first, without inputs."""
    home, begin = compose.home(), in_utc(since)
    newest = records(home, stage=stage or "*", model=model or "*", since=begin)
    page = list(islice(newest, limit))
    if not page:  # only then, because it reads git, which the log does not need
        recorded = {(each.stage, each.model) for each in stored_segments(home.predictions)}
        compose.require_known(home, stage, model, recorded)
    headings = ("time", "prediction", "deployment", "answer")
    show(page, table(headings, list(map(_row, page))) or "no records", output)


def _row(record: Record) -> TableRow:
    score = record["score"]
    shown = (record["class"], record["band"], record["outcome"])
    words = dict.fromkeys(str(each) for each in shown if each is not None)
    answer = " ".join((f"{score:.4f}", *words)) if score is not None else ""
    result = answer or f"{record['status']} {record['refusal'] or record['outcome'] or ''}"
    slot = f"{record['stage']}/{record['model']}/{record['traffic_slot']}"
    use = f"  for {record['process']}" if record["process"] else ""
    cells = (record["t_start"], record["prediction_id"], slot, f"{result}{use}")
    return TableRow(tuple(map(str, cells)))
