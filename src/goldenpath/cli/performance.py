"""`goldenpath performance`: the performance of a model, estimated and as labels show it."""

from datetime import datetime

import click

from goldenpath import compose
from goldenpath.cli.naming import MODEL, stage_option
from goldenpath.cli.output import Format, note, output_option, show
from goldenpath.cli.parameters import in_utc
from goldenpath.cli.performance_page import performance_page


@click.command()
@click.argument("model", type=MODEL)
@stage_option("The stage whose answers are judged.")
@click.option("--known-at", type=click.DateTime(), help="With labels known at this time, UTC.")
@output_option
def verb(model: str, stage: str, known_at: datetime | None, output: Format) -> None:
    """Show the performance of every release of MODEL that answered in a stage.

    Estimated: from the scores alone, if outcomes given scores are as on the evaluation rows of the
    release. Realised: on the answers with labels. Labels also show whether that condition holds.
    """
    home = compose.home()
    until = in_utc(known_at) or compose.now()
    report = compose.performance(home, stage, model, until=until, note=note)
    if not report.releases:
        compose.require_known(home, stage, model, set())
    show(report, performance_page(report), output)
