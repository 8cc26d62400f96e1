"""`goldenpath send`: send rows of a table to a model through the gateway."""

from pathlib import Path

import click
import msgspec

from goldenpath import compose
from goldenpath.cli.naming import MODEL, stage_option
from goldenpath.cli.output import Format, output_option, show
from goldenpath.cli.parameters import ROWS, rows_file
from goldenpath.cli.sent_page import sent_page
from goldenpath.errors import Unavailable
from goldenpath.serve.send_rows import SendOptions


@click.command()
@click.argument("model", type=MODEL)
@stage_option("The stage to ask.")
@click.option(
    "--rows", "file", type=ROWS, required=True,
    help="Parquet, Arrow, CSV or JSON; - is standard input.",
)  # fmt: skip
@click.option("--limit", type=click.IntRange(1), help="Rows to send at most.")
@click.option(
    "--batch", type=click.IntRange(1, 1000), default=50, show_default=True, help="Rows per request."
)
@click.option("--subject", default="", help="Column with the person whom a row is about.")
@click.option(
    "--concurrency",
    type=click.IntRange(1, 256),
    default=8,
    show_default=True,
    help="Requests at a time.",
)
@click.option("--process", help="Business process, for the records.")
@click.option("--channel", help="Channel of the request, for the records.")
@click.option("--trace", is_flag=True, help="Record a span of every request.")
@click.option("--record", type=click.Path(path_type=Path), help="Write the result here as JSON.")
@output_option
def verb(
    model: str,
    stage: str,
    file: Path,
    limit: int | None,
    batch: int,
    subject: str,
    concurrency: int,
    process: str | None,
    channel: str | None,
    trace: bool,
    record: Path | None,
    output: Format,
) -> None:
    """Send rows of a table to MODEL and show who answered what, and how fast."""
    labels = {k: v for k, v in (("process", process), ("channel", channel)) if v}
    with rows_file(file) as rows:
        wish = SendOptions(rows, limit, batch, subject, concurrency, trace, labels)
        sent = compose.send(compose.home(), stage, model, wish)
    if record is not None:
        compose.write_whole(record, msgspec.json.encode(sent) + b"\n")
    show(sent, sent_page(sent), output)
    if sent.failed:
        raise Unavailable(f"{sent.failed} of {sent.requests} requests failed: {sent.errors[0]}")
