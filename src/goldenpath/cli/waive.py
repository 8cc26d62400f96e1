"""`goldenpath waive`: a second person's word that one closed gate shall not stop a release."""

from datetime import UTC, datetime
from pathlib import Path

import click

from goldenpath import compose
from goldenpath.cli.acting import identity_options
from goldenpath.cli.changing import ActionContext, leave_event
from goldenpath.cli.naming import stage_option
from goldenpath.cli.output import Format, output_option, show
from goldenpath.cli.parameters import REASON
from goldenpath.promote.acts.waiving import waive


@click.command()
@click.argument("reference", metavar="RELEASE")
@click.option("--gate", required=True, help="The gate that is closed.")
@stage_option("The stage it is waived for.", old=("--for", "--to"))
@click.option("--reason", type=REASON, required=True, help="Why the release may pass all the same.")
@click.option(
    "--until", type=click.DateTime(["%Y-%m-%d"]), required=True, help="The day it ends, in UTC."
)
@identity_options
@output_option
def verb(
    reference: str,
    gate: str,
    stage: str,
    reason: str,
    until: datetime,
    name: str | None,
    key: Path | None,
    output: Format,
) -> None:
    """Waive one closed gate for RELEASE, signed with your own SSH key.

    Who waives may not promote the release, and may not be the author of its code.
    """
    home = compose.home()
    desk = compose.desk(home, compose.identity(name, key))
    digest = compose.release(home, reference)
    done = waive(desk, digest, gate, stage, reason=reason, until=until.replace(tzinfo=UTC))
    place = ActionContext(done.person, stage, done.model, digest)
    leave_event(
        home,
        "release.waived",
        place,
        "",
        {
            "waiver": done.envelope.text,
            "gate": gate,
            "until": done.until,
            "reason": reason,
            "said": done.said,
        },
    )
    text = (
        f"{done.person} waived {gate} of {digest} for {stage} until {done.until}\n"
        f"over: {done.said}\nas {done.envelope}"
    )
    show(done, text, output)
