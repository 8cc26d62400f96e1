"""`goldenpath rollback`: go back to the previous release by one signed commit."""

from pathlib import Path

import click

from goldenpath import compose
from goldenpath.cli.acting import identity_options
from goldenpath.cli.changing import ActionContext, leave_change, show_change
from goldenpath.cli.naming import MODEL, stage_option
from goldenpath.cli.output import Format, output_option, said_if_done
from goldenpath.cli.parameters import REASON
from goldenpath.cli.renamed import RenamedOption
from goldenpath.promote.workspace.stage_changes import roll_back


@click.command()
@click.argument("model", type=MODEL)
@stage_option("The stage that it runs in.")
@click.option(
    "--release",
    "reference",
    cls=RenamedOption,
    old=("--to",),
    help="A release that was live there; default: the previous one.",
)
@click.option("--reason", type=REASON, required=True, help="Why, for the commit and the audit log.")
@identity_options
@output_option
def verb(
    model: str,
    stage: str,
    reference: str | None,
    reason: str,
    name: str | None,
    key: Path | None,
    output: Format,
) -> None:
    """Remove the canary of MODEL, or go back to the previous release."""
    home = compose.home()
    workspace = compose.workspace(home, compose.identity(name, key))
    to = None if reference is None else compose.release(home, reference)
    with said_if_done(output):
        outcome = roll_back(workspace, model, stage, reason=reason, to=to)
    digest = outcome.intent.deployment.slots[0].digest
    place = ActionContext(workspace.acting.name, stage, model, digest)
    leave_change(home, "rollout.rolled-back", place, outcome)
    show_change(place, outcome, output)
