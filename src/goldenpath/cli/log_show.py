"""`goldenpath log show`: show records of the prediction log."""

from datetime import datetime
from itertools import islice

import click

from goldenpath import compose
from goldenpath.cli.naming import MODEL, stage_filter
from goldenpath.cli.output import Format, output_option, show
from goldenpath.cli.parameters import in_utc
from goldenpath.observe.log.log_reader import Record, records


@click.command("show")
@click.option("--model", type=MODEL, default="*", help="Only this model.")
@stage_filter()
@click.option("--since", type=click.DateTime(), help="Only from this time on, UTC.")
@click.option(
    "--limit", type=click.IntRange(1), default=20, show_default=True, help="At most this many."
)
@output_option
def show_records(
    model: str, stage: str | None, since: datetime | None, limit: int, output: Format
) -> None:
    """Show records, the newest first, without inputs."""
    begin = in_utc(since)
    found = list(
        islice(records(compose.home(), stage=stage or "*", model=model, since=begin), limit)
    )
    show(found, "\n".join(map(_line, found)) or "no records", output)


def _line(record: Record) -> str:
    score = record["score"]
    answer = f"{score:.4f} {record['band']} {record['outcome']}" if score is not None else ""
    what = answer or f"{record['status']} {record['refusal'] or record['outcome'] or ''}"
    where = f"{record['stage']}/{record['model']}/{record['traffic_slot']}"
    use = f"  for {record['process']}" if record["process"] else ""
    return f"{record['t_start']}  {record['prediction_id']}  {where}  {what}{use}"
