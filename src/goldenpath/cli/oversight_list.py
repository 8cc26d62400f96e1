"""`goldenpath oversight list`: show second looks, and how long each stop took to have effect."""

from dataclasses import replace
from datetime import timedelta

import click

from goldenpath import compose
from goldenpath.audit.registers.register_gathering import gather_oversight
from goldenpath.audit.timeline.moment import parse_moment
from goldenpath.cli.naming import MODEL
from goldenpath.cli.output import Format, output_option, show
from goldenpath.cli.oversight_page import overrides_sentence, oversight_text


@click.command("list")
@click.argument("model", type=MODEL, required=False)
@click.option("--at", "time", default="now", help="The end of the period.")
@click.option(
    "--days",
    type=click.IntRange(min=1, max=36_600),
    default=90,
    show_default=True,
    help="The length of the period.",
)
@output_option
def list_oversight(model: str | None, time: str, days: int, output: Format) -> None:
    """Show second looks, overrides, and how fast stops had effect."""
    home = compose.home()
    records = compose.signed_records(home, parse_moment(time, compose.now()))
    compose.require_known(home, None, model, {("", each.model) for each in records.history()})
    register = gather_oversight(records, home, timedelta(days=days), model)
    overrides = compose.overrides(home, register.since, register.until, model)
    register = replace(register, overrides=overrides_sentence(register, overrides))
    show(register, oversight_text(register), output)
