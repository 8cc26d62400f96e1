"""`goldenpath registry prune`: remove releases that nobody needs any more."""

from datetime import timedelta
from pathlib import Path

import click

from goldenpath import compose
from goldenpath.cli.acting import identity_options
from goldenpath.cli.output import Format, output_option, show
from goldenpath.cli.parameters import REASON
from goldenpath.cli.registry_page import pruned_event, registry_page, registry_record

_DAYS = click.IntRange(1, 36_500)


@click.command("prune")
@click.option("--yes", is_flag=True, help="Remove it; without this, only show it.")
@click.option(
    "--after-leaving", type=_DAYS, default=365, show_default=True, help="Days after its last stage."
)
@click.option(
    "--never-placed", type=_DAYS, default=90, show_default=True, help="Days for one in no stage."
)
@click.option("--reason", type=REASON, help="Why, for the audit log.")
@identity_options
@output_option
def prune(
    *,
    yes: bool,
    after_leaving: int,
    never_placed: int,
    reason: str | None,
    name: str | None,
    key: Path | None,
    output: Format,
) -> None:
    """Remove releases that nobody needs; without --yes, show them.

    A stage, a record in the log, a hold or retention keeps a release. Statements about a release
    go with it. What a stage has, or would go back to, stays.
    """
    home = compose.home()
    upkeep = compose.registry_upkeep(
        home,
        after_leaving=timedelta(days=after_leaving),
        never_placed=timedelta(days=never_placed),
    )
    gone = None
    if yes:
        who = compose.person(home, name, key).name
        gone = upkeep.perform()
        compose.event_log(home).append(pruned_event(upkeep, gone, who, reason or ""))
    show(registry_record(upkeep, gone), registry_page(upkeep, gone), output)
