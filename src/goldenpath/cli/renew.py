"""`goldenpath renew`: train a model again with data up to a day, for a finding or a reason."""

from datetime import datetime
from pathlib import Path

import click

from goldenpath import compose
from goldenpath.cli.acting import identity_options
from goldenpath.cli.naming import MODEL
from goldenpath.cli.output import Format, output_option, show
from goldenpath.cli.parameters import REASON
from goldenpath.cli.progress import working
from goldenpath.cli.rehearsing import note_durations
from goldenpath.cli.renew_page import renewal_page


@click.command()
@click.argument("model", type=MODEL)
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), required=True, help="The last day.")
@click.option("--finding", default="", help="The open finding that is the cause.")
@click.option("--reason", type=REASON, help="Why, if no finding is the cause.")
@click.option(
    "--project",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=".",
    help="Folder of the project; the working folder otherwise.",
)
@identity_options
@output_option
def verb(
    model: str,
    until: datetime,
    finding: str,
    reason: str | None,
    project: Path,
    name: str | None,
    key: Path | None,
    output: Format,
) -> None:
    """Train MODEL again with data up to a day, and sign why.

    A new branch of the project gets a signed commit that moves the pins of the data, and the
    usual build runs on it. Nothing is promoted: the release has to pass the gates as any other.
    """
    wish = compose.RenewalWish(
        model=model,
        root=project.absolute(),
        until=until.date(),
        finding=finding,
        reason=reason or "",
    )
    acting = compose.identity(name, key)
    with working() as report:
        done = compose.renewed(compose.home(), wish, acting, report=report, watch=report.moving)
        note_durations(report)
    show(done, renewal_page(done), output)
