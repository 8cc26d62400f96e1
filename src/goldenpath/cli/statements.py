"""`goldenpath statements`: list what people write for a project, or fill in who approved it."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import click

from goldenpath import compose
from goldenpath.cli.output import Format, note, output_option, show
from goldenpath.cli.tables import TableRow, table
from goldenpath.errors import InvalidInput


@click.command()
@click.argument(
    "project", type=click.Path(path_type=Path, file_okay=False, exists=True), default="."
)
@click.option("--owner", default="", help="Fill in who answers for the texts.")
@click.option("--approved-by", default="", help="Fill in who approved the texts, today.")
@click.option(
    "--review-by",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Fill in until when they hold; default: a year from today.",
)
@output_option
def verb(project: Path, owner: str, approved_by: str, review_by: object, output: Format) -> None:
    """List what people write for a project, or fill in who approved it.

    Only empty fields are filled, and only in texts that somebody has written.
    """
    today = compose.now().date()
    if bool(owner) != bool(approved_by):
        raise InvalidInput("expected --owner and --approved-by together, got one of them")
    changed: tuple[str, ...] = ()
    if owner:
        until = str(review_by)[:10] if review_by else str(today + timedelta(days=365))
        head = {"owner": owner, "approved_by": approved_by}
        head |= {"approved_on": str(today), "review_by": until}
        changed = compose.fill_heads(project, head)
    rows = compose.statement_rows(project)
    shown = [
        TableRow((row.file, *_people(row.head), f"{len(row.open)} open", row.numbers))
        for row in rows
    ]
    heads = ("file", "owner", "approved by", "review by", "open", "number")
    show({"statements": rows, "filled": changed}, table(heads, shown, has_head=True), output)
    for file in changed:
        note(f"filled the head of {file}: commit it")


def _people(head: Mapping[str, str]) -> tuple[str, str, str]:
    owner, approver, review = (head[key] or "-" for key in ("owner", "approved_by", "review_by"))
    return owner, approver, review
