"""The shared implementation of `goldenpath hold` and `goldenpath resume`."""

from collections.abc import Callable
from pathlib import Path

import click

from goldenpath import compose
from goldenpath.audit.events.event import Kind
from goldenpath.cli.acting import identity_options
from goldenpath.cli.changing import ActionContext, leave_change, show_change
from goldenpath.cli.naming import MODEL, stage_option
from goldenpath.cli.output import Format, output_option, said_if_done
from goldenpath.cli.parameters import REASON
from goldenpath.promote.acts.intents import StageChange
from goldenpath.promote.workspace.workspace import Outcome, Workspace


def holding(
    work: Callable[[Workspace, str, str, str], Outcome[StageChange]], kind: Kind, words: str
) -> click.Command:
    """Return the verb that does `work` on a model in a stage and leaves an event of that kind."""

    @click.command(help=words)
    @click.argument("model", type=MODEL)
    @stage_option("The stage that it runs in.")
    @click.option(
        "--reason", type=REASON, required=True, help="Why, for the commit and the audit log."
    )
    @identity_options
    @output_option
    def verb(
        model: str, stage: str, reason: str, name: str | None, key: Path | None, output: Format
    ) -> None:
        home = compose.home()
        workspace = compose.workspace(home, compose.identity(name, key))
        with said_if_done(output):
            outcome = work(workspace, model, stage, reason)
        digest = outcome.intent.deployment.slots[-1].digest
        place = ActionContext(workspace.acting.name, stage, model, digest)
        leave_change(home, kind, place, outcome)
        show_change(place, outcome, output)

    return verb
