"""`goldenpath promote`: promote a release into a stage by a signed commit."""

from pathlib import Path
from typing import Literal

import click

from goldenpath import compose
from goldenpath.cli.acting import identity_options, parse_criteria, parse_steps
from goldenpath.cli.changing import ActionContext, end_promotion, note_change, show_change
from goldenpath.cli.naming import stage_option
from goldenpath.cli.output import Format, output_option, said_if_done
from goldenpath.promote.manifests.desired import Rollout
from goldenpath.promote.workspace.stage_changes import promote


@click.command()
@click.argument("reference", metavar="RELEASE")
@stage_option("The stage to enter.", old=("--to",))
@click.option("--canary", default="100", help="Shares of a canary in percent, such as 10,50,100.")
@click.option(
    "--judge",
    type=click.Choice(["person", "auto"]),
    default="person",
    help="Who advances the canary.",
)
@click.option("--criterion", "criteria", multiple=True, help="A limit for the judge: NAME=NUMBER.")
@click.option("--reason", default="", help="Why, for the commit.")
@click.option("--break-glass", default="", help="Why it cannot wait for approvals.")
@click.option("--change", default="", help="The ID of the bank's change; some stages demand it.")
@click.option("--dry-run", is_flag=True, help="Show findings and diff, and change nothing.")
@identity_options
@output_option
def verb(
    reference: str,
    stage: str,
    canary: str,
    judge: Literal["person", "auto"],
    criteria: tuple[str, ...],
    reason: str,
    break_glass: str,
    change: str,
    dry_run: bool,
    name: str | None,
    key: Path | None,
    output: Format,
) -> None:
    """Bring RELEASE into a stage by a signed commit; exit 7 if a gate is closed."""
    home = compose.home()
    workspace = compose.workspace(home, compose.identity(name, key))
    rollout = Rollout(parse_steps(canary), parse_criteria(criteria), judge)
    digest = compose.release(home, reference)
    note_change(change, stage, digest)
    with said_if_done(output):
        outcome = promote(
            workspace, digest, stage, rollout=rollout, reason=reason, break_glass=break_glass,
            change=change, dry_run=dry_run,
        )  # fmt: skip
    model = outcome.decision.model if outcome.decision is not None else ""
    place = ActionContext(workspace.acting.name, stage, model, digest)
    show_change(place, outcome, output)
    end_promotion(home, place, outcome, dry_run=dry_run)
