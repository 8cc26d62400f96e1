"""`goldenpath findings vex`: sign that a vulnerability does not endanger a release, until a day."""

from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import click

from goldenpath import compose
from goldenpath.audit.advisories.vex_statement import Justification, VexStatus
from goldenpath.cli.acting import identity_options
from goldenpath.cli.changing import ActionContext, leave_event
from goldenpath.cli.output import Format, output_option, show
from goldenpath.cli.parameters import REASON


@click.command("vex")
@click.argument("finding")
@click.option(
    "--status",
    type=click.Choice(get_args(VexStatus)),
    default="not_affected",
    help="What you state (OpenVEX).",
)
@click.option(
    "--justification",
    type=click.Choice(get_args(Justification)),
    default=None,
    help="Why it is not affected (OpenVEX).",
)
@click.option("--reason", type=REASON, required=True, help="Why, in your own words.")
@click.option(
    "--until",
    type=click.DateTime(["%Y-%m-%d"]),
    required=True,
    help="The day at whose start it ends, in UTC.",
)
@identity_options
@output_option
def vex(
    finding: str,
    status: VexStatus,
    justification: str | None,
    reason: str,
    until: datetime,
    name: str | None,
    key: Path | None,
    output: Format,
) -> None:
    """Close a finding about an advisory by a signed statement.

    The signer has a role that approves in the stage. On the day of --until it is open again.
    """
    home = compose.home()
    claim = compose.vex_claim(
        home, finding, status, justification or "", reason=reason, until=until.replace(tzinfo=UTC)
    )
    person, envelope = compose.sign_vex(home, claim, name, key)
    place = ActionContext(person, claim.stage, claim.model, claim.release)
    details = {"finding": finding, "statement": envelope.text, "reason": reason}
    leave_event(home, "advisory.vex", place, "", details={**details, "until": str(until.date())})
    text = f"{person} signed {status} for {claim.advisory} until {until.date()}, as {envelope}"
    show({"claim": claim, "person": person, "statement": envelope}, text, output)
