"""`goldenpath waive`: let a second person waive one closed gate for a release."""

from datetime import UTC, datetime
from pathlib import Path

import click

from goldenpath import compose
from goldenpath.cli.acting import identity_options
from goldenpath.cli.changing import ActionContext, leave_event
from goldenpath.cli.judgement_records import waiver_record
from goldenpath.cli.naming import stage_option
from goldenpath.cli.output import Format, output_option, show
from goldenpath.cli.parameters import REASON
from goldenpath.promote.workspace.stage_changes import waive


@click.command()
@click.argument("reference", metavar="RELEASE")
@click.option("--gate", required=True, help="The gate to waive.")
@stage_option("The stage it is waived for.", old=("--for", "--to"))
@click.option("--reason", type=REASON, required=True, help="Why the release may pass nevertheless.")
@click.option(
    "--until",
    type=click.DateTime(["%Y-%m-%d"]),
    required=True,
    help="The day at whose start it ends, in UTC.",
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

    The person who waives may not promote the release or be the author of its code.
    """
    home = compose.home()
    workspace = compose.workspace(home, compose.identity(name, key))
    digest = compose.release(home, reference)
    outcome = waive(workspace, digest, gate, stage, reason=reason, until=until.replace(tzinfo=UTC))
    record, intent = waiver_record(outcome), outcome.intent
    place = ActionContext(intent.person, stage, intent.model, digest)
    details = {
        "waiver": str(outcome.envelope),
        "gate": gate,
        "until": str(record["until"]),
        "reason": reason,
        "said": intent.message,
    }
    leave_event(home, "release.waived", place, "", details={**details})
    text = (
        f"{intent.person} waived {gate} of {digest} for {stage} until {record['until']}\n"
        f"over: {intent.message}\nas {outcome.envelope}"
    )
    show(record, text, output)
