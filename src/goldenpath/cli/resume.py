"""`goldenpath resume`: ends a hold."""

from pathlib import Path

import click

from goldenpath import wire
from goldenpath.cli.acting import identity_options
from goldenpath.cli.changing import Place, leave_change, show_change
from goldenpath.cli.output import Format, output_option
from goldenpath.gitops.rolling import resume


@click.command()
@click.argument("model")
@click.option("--stage", required=True, help="The stage that it runs in.")
@click.option("--reason", required=True, help="Why, for the commit and the audit log.")
@identity_options
@output_option
def verb(
    model: str, stage: str, reason: str, name: str | None, key: Path | None, output: Format
) -> None:
    """End the hold of MODEL in a stage."""
    home = wire.home()
    desk = wire.desk(home, wire.identity(name, key))
    done = resume(desk, model, stage, reason)
    if done.deployment is not None:
        place = Place(desk.acting.name, stage, model, done.deployment.slots[-1].digest)
        leave_change(home, "rollout.resumed", place, done)
        show_change(place, done, output)
