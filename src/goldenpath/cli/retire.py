"""`goldenpath retire`: end a model in a stage by a signed commit that keeps its evidence."""

from datetime import timedelta
from pathlib import Path

import click

from goldenpath import compose
from goldenpath.cli.acting import identity_options
from goldenpath.cli.naming import MODEL, stage_option
from goldenpath.cli.output import Format, output_option, show
from goldenpath.cli.parameters import REASON
from goldenpath.cli.trusting import trust_record, trust_text
from goldenpath.promote.workspace.stage_changes import retire


@click.command()
@click.argument("model", type=MODEL)
@stage_option("The stage that it leaves.")
@click.option("--reason", type=REASON, required=True, help="Why, for the commit.")
@click.option(
    "--unused-hours",
    type=click.IntRange(min=1, max=24 * 366),
    default=24,
    show_default=True,
    help="For how long nobody may have used it.",
)
@identity_options
@output_option
def verb(
    model: str,
    stage: str,
    reason: str,
    unused_hours: int,
    name: str | None,
    key: Path | None,
    output: Format,
) -> None:
    """End MODEL in a stage; its evidence and records stay, and a promotion brings it back.

    A stage that asks for approvals needs a second person, who runs goldenpath confirm.
    """
    home = compose.home()
    workspace = compose.workspace(home, compose.identity(name, key))
    use = compose.deployment_use(home, stage, model, timedelta(hours=unused_hours))
    outcome = retire(workspace, model, stage, reason, use=lambda: use)
    compose.note_commit(home, outcome.commit)
    unknown = "".join(f"\n  {line}" for line in use.unknown)
    text = f"{stage}/{model} retires: {trust_text(outcome)}\ncould not be found out:{unknown}"
    show({**trust_record(outcome), "not_known": use.unknown}, text, output)
