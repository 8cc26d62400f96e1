"""`goldenpath report`: write the technical documentation of a release."""

from pathlib import Path

import click

from goldenpath import compose
from goldenpath.audit.answers.evidence_gathering import gather
from goldenpath.audit.report.control_map import current_map
from goldenpath.audit.report.report import render_markdown, report
from goldenpath.audit.timeline.moment import parse_moment
from goldenpath.cli.output import Format, note, output_option, show
from goldenpath.cli.renamed import RenamedOption


@click.command()
@click.argument("reference", metavar="RELEASE")
@click.option("--as-of", default="now", help="Use the facts known at this time.")
@click.option(
    "--file",
    cls=RenamedOption,
    old=("--to",),
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the report to this file, and only its counts to the screen.",
)
@output_option
def verb(reference: str, as_of: str, file: Path | None, output: Format) -> None:
    """Write the technical documentation of a release in the order of Annex IV, gaps first."""
    sources, digest = compose.sources(compose.home(), reference)
    moment = parse_moment(as_of, compose.now())
    made = report(gather(sources, digest, moment), current_map())
    text = render_markdown(made)
    if file is None:
        show(made, text.rstrip("\n"), output)
        return
    compose.write_whole(file, text.encode())
    note(f"wrote {file}")
    counts = ", ".join(f"{count} {status}" for status, count in made.counts.items() if count)
    show(made.counts, counts, output)
