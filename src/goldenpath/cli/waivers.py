"""`goldenpath waivers`: list every waiver, and the promotions that relied on it."""

import click

from goldenpath import compose
from goldenpath.audit.registers.register_gathering import gather_waivers
from goldenpath.audit.timeline.moment import parse_moment
from goldenpath.cli.naming import MODEL
from goldenpath.cli.output import Format, output_option, show
from goldenpath.cli.waivers_page import waivers_text


@click.command()
@click.argument("model", type=MODEL, required=False)
@click.option("--at", "time", default="now", help="The waivers as they were at this time.")
@output_option
def verb(model: str | None, time: str, output: Format) -> None:
    """List every waiver of MODEL or of all: who, why, until when, and what relied on it."""
    home = compose.home()
    records = compose.signed_records(home, parse_moment(time, compose.now()))
    register = gather_waivers(records, home, model)
    if not register.waivers:
        compose.require_known(home, None, model, {("", each.model) for each in records.history()})
    show(register, waivers_text(register), output)
