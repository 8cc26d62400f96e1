"""`goldenpath at`: show what was live at a time, or what differs between two times."""

from datetime import datetime

import click

from goldenpath import compose
from goldenpath.audit.answers.checked_logs import require_whole
from goldenpath.audit.timeline.live_page import render_differences, render_live
from goldenpath.audit.timeline.moment import parse_moment
from goldenpath.audit.timeline.moment_difference import live_differences
from goldenpath.cli.naming import MODEL, stage_filter
from goldenpath.cli.output import Format, output_option, show
from goldenpath.errors import InvalidInput


@click.command()
@click.argument("time")
@click.option("--vs", "other", help="Another time: show only what differs between the two.")
@stage_filter()
@click.option("--model", type=MODEL, help="Only this model.")
@output_option
def verb(
    time: str, other: str | None, stage: str | None, model: str | None, output: Format
) -> None:
    """Show what was live at TIME, who put it there and who approved it.

    TIME is RFC 3339, local time such as '2026-01-14 14:03', 14:03 for today, or now. With --vs the
    releases, shares, people, policies, monitors and thresholds that differ are shown.
    """
    home, moments = compose.home(), [_past(each) for each in (time, other) if each is not None]
    live, *later = compose.live_moments(home, *moments, stage=stage, model=model)
    if not live.models:  # only then, because it reads git once more
        compose.require_known(home, stage, model, live.recorded)
    if later:
        differences = live_differences(live.models, later[0].models, compose.terms_reader(home))
        record = {"from": moments[0], "to": moments[1], "differences": differences}
        page = render_differences(differences, (moments[0], moments[1]), live.logs)
        show(record, page, output)
    else:
        show(live.models, render_live(live.models, moments[0], live.logs), output)
    require_whole(live.logs)


def _past(time: str) -> datetime:
    now = compose.now()
    moment = parse_moment(time, now)
    if moment > now:
        raise InvalidInput(f"{time} is in the future: expected a time that has passed")
    return moment
