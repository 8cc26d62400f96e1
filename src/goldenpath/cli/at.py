"""`goldenpath at`: show what was live at a time."""

from dataclasses import replace

import click

from goldenpath import compose
from goldenpath.audit.answers.checked_logs import check_logs, require_whole
from goldenpath.audit.answers.predictions import answers_at
from goldenpath.audit.timeline.intent_index import open_intents
from goldenpath.audit.timeline.live import live_at
from goldenpath.audit.timeline.live_page import render_live
from goldenpath.audit.timeline.moment import parse_moment
from goldenpath.audit.timeline.signed_approvals import SignedApprovals
from goldenpath.cli.naming import MODEL, stage_filter
from goldenpath.cli.output import Format, output_option, show
from goldenpath.errors import InvalidInput


@click.command()
@click.argument("time")
@stage_filter()
@click.option("--model", type=MODEL, help="Only this model.")
@output_option
def verb(time: str, stage: str | None, model: str | None, output: Format) -> None:
    """Show what was live at TIME, who put it there and who approved it.

    TIME is RFC 3339, local time such as '2026-01-14 14:03', 14:03 for today, or now.
    """
    home, now = compose.home(), compose.now()
    moment = parse_moment(time, now)
    if moment > now:
        raise InvalidInput(f"{time} is in the future: expected a time that has passed")
    trusted, repository = compose.trusted(home), compose.gitops(home)
    history = open_intents(
        home.timeline, repository, trusted.commit, compose.sighting(home), model=model
    )
    approve = SignedApprovals(repository, compose.signed_statements(home, trusted.platform))
    alive = now if compose.is_up(home) else None
    answers = answers_at(home, moment)
    counted = answers.by_release if answers else None
    logs = check_logs(home, compose.held(home, trusted.platform), model=model)
    models = live_at(
        history, logs.events, moment, counted,
        alive=alive, approve=approve, logs=logs.states, spans=answers.spans if answers else None,
    )  # fmt: skip
    used = answers.by_process if answers else {}
    chosen = tuple(
        replace(live, uses=used.get((live.stage, live.model)))
        for live in models
        if stage in (None, live.stage) and model in (None, live.model)
    )
    if not chosen:  # only then, because it reads git once more
        compose.require_known(home, stage, model, set(history.places()))
    show(chosen, render_live(chosen, moment, logs.states), output)
    require_whole(logs.states)
