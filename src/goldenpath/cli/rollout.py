"""`goldenpath rollout`: take the next step of a canary by a signed commit."""

from pathlib import Path

import click

from goldenpath import compose
from goldenpath.cli.acting import identity_options
from goldenpath.cli.changing import ActionContext, leave_change, show_change
from goldenpath.cli.naming import MODEL, stage_option
from goldenpath.cli.output import Format, output_option, said_if_done
from goldenpath.cli.renamed import RenamedOption
from goldenpath.errors import InvalidInput
from goldenpath.promote.workspace.stage_changes import roll_out


@click.command()
@click.argument("model", type=MODEL)
@stage_option("The stage that it runs in.")
@click.option(
    "--percent",
    cls=RenamedOption,
    old=("--to",),
    default="next",
    show_default=True,
    help="Its new share in percent, or `next` for the next step of the plan.",
)
@click.option("--reason", default="", help="Why, for the commit.")
@identity_options
@output_option
def verb(
    model: str,
    stage: str,
    percent: str,
    reason: str,
    name: str | None,
    key: Path | None,
    output: Format,
) -> None:
    """Give the canary of MODEL more of the traffic; 100 makes it the stable release."""
    if percent != "next" and not percent.isdecimal():
        raise InvalidInput(f"--percent is {percent!r}: expected a number up to 100, or next")
    home = compose.home()
    workspace = compose.workspace(home, compose.identity(name, key))
    share = None if percent == "next" else int(percent)
    with said_if_done(output):
        outcome = roll_out(workspace, model, stage, share, reason=reason)
    digest = outcome.intent.deployment.slots[-1].digest
    place = ActionContext(workspace.acting.name, stage, model, digest)
    leave_change(home, "rollout.stepped", place, outcome)
    show_change(place, outcome, output)
