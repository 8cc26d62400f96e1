"""`goldenpath performance`: the performance of a model, estimated and as labels show it."""

from datetime import datetime
from pathlib import Path

import click

from goldenpath import compose
from goldenpath.cli.acting import identity_options
from goldenpath.cli.group_page import group_page
from goldenpath.cli.naming import MODEL, stage_option
from goldenpath.cli.output import Format, note, output_option, show
from goldenpath.cli.parameters import REASON, in_utc
from goldenpath.cli.performance_page import performance_page


@click.command()
@click.argument("model", type=MODEL)
@stage_option("The stage whose answers are judged.")
@click.option("--known-at", type=click.DateTime(), help="With labels known at this time, UTC.")
@click.option("--by", "feature", help="Decisions by groups of this feature over time.")
@click.option("--days", type=click.IntRange(1), default=7, help="Days of a period of --by.")
@click.option("--reason", type=REASON, help="Why inputs are opened for --by, for the audit log.")
@identity_options
@output_option
def verb(
    model: str,
    stage: str,
    known_at: datetime | None,
    feature: str | None,
    days: int,
    reason: str | None,
    name: str | None,
    key: Path | None,
    output: Format,
) -> None:
    """Show the performance of every release of MODEL that answered in a stage.

    Estimated: from the scores alone, if outcomes given scores are as on the evaluation rows of the
    release. Realised: on the answers with labels. Labels also show whether that condition holds.

    With --by it shows the share of each outcome by group and period instead. The groups are in
    encrypted inputs, so a role that may open them is needed, and a reason.
    """
    home = compose.home()
    if feature is not None:
        history = compose.slice_shares(
            home, (stage, model), feature, days, opener=(name, key, reason or ""), note=note
        )
        show(history, group_page(history), output)
        return
    until = in_utc(known_at) or compose.now()
    report = compose.performance(home, stage, model, until=until, note=note)
    if not report.releases:
        compose.require_known(home, stage, model, set())
    show(report, performance_page(report), output)
