"""`goldenpath findings close`: close a finding with a reason, by a signed event."""

from pathlib import Path

import click

from goldenpath import compose
from goldenpath.audit.alarms.closing import close_finding
from goldenpath.cli.acting import identity_options
from goldenpath.cli.output import Format, output_option, show


@click.command("close")
@click.argument("finding")
@click.option("--reason", required=True, help="Why the finding is closed.")
@identity_options
@output_option
def close(finding: str, reason: str, name: str | None, key: Path | None, output: Format) -> None:
    """Close a finding with a reason, by a signed event."""
    home = compose.home()
    closed = close_finding(
        home,
        finding,
        reason,
        acting=compose.identity(name, key),
        platform=compose.trusted(home).platform,
        now=compose.now(),
        append=compose.event_log(home).append,
    )
    where = f"{closed.stage}/{closed.model}"
    show(closed, f"{closed.id} of {where} is closed by {closed.resolved_by}", output)
