"""`goldenpath report write`: write the technical documentation of a release."""

from pathlib import Path

import click

from goldenpath import compose
from goldenpath.audit.report.report import ReportFormat
from goldenpath.audit.report.report_profile import PROFILES, ProfileName
from goldenpath.audit.timeline.moment import parse_moment
from goldenpath.cli.output import Format, note, output_option, show
from goldenpath.cli.renamed import RenamedOption
from goldenpath.errors import InvalidInput
from goldenpath.parsers.record_json import record_json


@click.command("write")
@click.argument("reference", metavar="RELEASE")
@click.option("--as-of", default="now", help="Use the facts known at this time.")
@click.option(
    "--profile",
    type=click.Choice(PROFILES),
    default="ai-act",
    show_default=True,
    help="The order and the rows of the report.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["html", "md", "json", "pdf"]),
    default="md",
    show_default=True,
    help="The format of the report; pdf needs --file.",
)
@click.option(
    "--file",
    cls=RenamedOption,
    old=("--to",),
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the report to this file, and only its counts to the screen.",
)
@output_option
def write(
    reference: str, as_of: str, profile: ProfileName, form: ReportFormat, file: Path | None,
    output: Format,
) -> None:  # fmt: skip
    """Write the technical documentation of a release in the order of Annex IV, gaps first.

    `goldenpath report card` explains the fields that people write.
    """
    if form == "pdf" and file is None:
        raise InvalidInput("a PDF is no text: expected --file", hint="add --file report.pdf")
    moment = parse_moment(as_of, compose.now())
    made = compose.made_report(compose.home(), reference, moment, profile)
    is_json = form == "json"
    content = record_json(made.record) + b"\n" if is_json else made.rendered(form)
    if file is None:
        show(made.record, content.decode().rstrip("\n"), "json" if is_json else output)
        return
    compose.write_whole(file, content)
    note(f"wrote {file}")
    counts = ", ".join(f"{count} {status}" for status, count in made.report.counts.items() if count)
    show(made.report.counts, counts, output)
