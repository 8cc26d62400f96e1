"""`goldenpath findings close`: close a finding with a reason, by a signed event."""

from pathlib import Path

import click

from goldenpath import compose
from goldenpath.audit.alarms.closing import close_finding
from goldenpath.cli.acting import identity_options
from goldenpath.cli.output import Format, output_option, show
from goldenpath.observe.drift.findings import DriftFinding


@click.command("close")
@click.argument("finding")
@click.option("--reason", required=True, help="Why the finding is closed.")
@identity_options
@output_option
def close(finding: str, reason: str, name: str | None, key: Path | None, output: Format) -> None:
    """Close a finding with a reason, by a signed event."""
    closed = closed_by(finding, reason, name, key)
    where = f"{closed.stage}/{closed.model}"
    show(closed, f"{closed.id} of {where} is closed by {closed.resolved_by}", output)


def closed_by(finding: str, reason: str, name: str | None, key: Path | None) -> DriftFinding:
    """Close a finding as the person that the options name, and return it."""
    home = compose.home()
    return close_finding(
        home,
        finding,
        reason,
        acting=compose.identity(name, key),
        platform=compose.trusted(home).platform,
        now=compose.now(),
        append=compose.event_log(home).append,
    )
