"""`goldenpath affected`: list live and past releases that contain a part."""

import click

from goldenpath import compose
from goldenpath.audit.registers.register_gathering import gather_affected
from goldenpath.audit.timeline.moment import parse_moment
from goldenpath.cli.affected_page import affected_text
from goldenpath.cli.output import Format, output_option, show
from goldenpath.errors import REFUSED


@click.command()
@click.argument("part", metavar="CVE|PACKAGE|DIGEST")
@click.option("--at", "time", default="now", help="The releases that were known at this time.")
@output_option
@click.pass_context
def verb(context: click.Context, part: str, time: str, output: Format) -> None:
    """List the releases that contain a part; exit 7 if one does or nobody knows.

    A part is a digest, a package URL, NAME, NAME==VERSION, or an advisory such as CVE-2026-1234.
    An advisory is looked up in the folder GOLDENPATH_ADVISORIES. Only signed bills of materials
    count.
    """
    home = compose.home()
    query = compose.part_query(part)
    records = compose.signed_records(home, parse_moment(time, compose.now()))
    register = gather_affected(records, home, query)
    show(register, affected_text(register), output)
    if register.affected or register.could_not_find_out or register.unknown:
        context.exit(REFUSED)
