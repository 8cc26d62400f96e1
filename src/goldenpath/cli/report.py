"""`goldenpath report`: the technical documentation of a release."""

from pathlib import Path

import click

from goldenpath import wire
from goldenpath.audit.controls import current_map
from goldenpath.audit.evidence import gather
from goldenpath.audit.moment import parse_moment
from goldenpath.audit.predictions import summarise
from goldenpath.audit.report import render_markdown, report
from goldenpath.cli.output import Format, note, output_option, show
from goldenpath.cli.renamed import RenamedOption


@click.command()
@click.argument("reference", metavar="RELEASE")
@click.option("--as-of", default="now", help="With what was known at this time.")
@click.option(
    "--file",
    cls=RenamedOption,
    old=("--to",),
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the report here, and only its counts to the screen.",
)
@output_option
def verb(reference: str, as_of: str, file: Path | None, output: Format) -> None:
    """Write the technical documentation of a release in the order of Annex IV, gaps first."""
    home = wire.home()
    sources, digest = wire.sources(home, reference)
    moment = parse_moment(as_of, wire.now())
    bundle = gather(sources, digest, moment, summarise(home, digest, moment))
    made = report(bundle, current_map())
    text = render_markdown(made)
    if file is None:
        show(made, text.rstrip("\n"), output)
        return
    wire.write_whole(file, text.encode())
    note(f"wrote {file}")
    counts = ", ".join(f"{count} {status}" for status, count in made.counts.items() if count)
    show(made.counts, counts, output)
