"""`goldenpath register`: list every system with its tier, owner, stages and open findings."""

import click

from goldenpath import compose
from goldenpath.audit.registers.register_gathering import gather_register
from goldenpath.audit.timeline.moment import parse_moment
from goldenpath.cli.naming import MODEL
from goldenpath.cli.output import Format, output_option, show
from goldenpath.cli.register_page import register_text


@click.command()
@click.option("--model", type=MODEL, help="Only this model.")
@click.option("--at", "time", default="now", help="The register as it was at this time.")
@output_option
def verb(model: str | None, time: str, output: Format) -> None:
    """List every system that a signed commit placed, with what nobody knows about it.

    The time is RFC 3339, local time such as '2026-01-14 14:03', 14:03 for today, or now.
    """
    home = compose.home()
    records = compose.signed_records(home, parse_moment(time, compose.now()))
    register = gather_register(records, home, model)
    if not register.systems:  # only then, because it reads git once more
        compose.require_known(home, None, model, {("", each.model) for each in records.history()})
    show(register, register_text(register), output)
