"""`goldenpath health`: one page for each deployment of a model."""

from pathlib import Path

import click

from goldenpath import compose
from goldenpath.cli.health_html import health_html
from goldenpath.cli.health_page import health_page
from goldenpath.cli.naming import MODEL, stage_filter
from goldenpath.cli.output import Format, note, output_option, show
from goldenpath.files import publish


@click.command()
@click.argument("model", type=MODEL)
@stage_filter()
@click.option(
    "--html",
    "page",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write one page with vector graphics and no script.",
)
@output_option
def verb(model: str, stage: str | None, page: Path | None, output: Format) -> None:
    """Show the health of MODEL in every stage: answers, findings, drift and performance.

    It reads git, the sealed log, the findings and the state of the monitor of this machine. What
    these do not say is named as unknown. The exit code is 0 whatever it shows.
    """
    deployments = compose.health(compose.home(), model, stage, note)
    if page is not None:
        publish(page, health_html(deployments).encode())
        note(f"wrote {page}")
    where = f"in {stage}" if stage else "in any stage"
    nothing = (
        f"git declares no deployment of {model} {where}; goldenpath findings lists what is open"
    )
    show(deployments, health_page(deployments) or nothing, output)
