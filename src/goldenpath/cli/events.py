"""`goldenpath events`: show or check the audit log."""

from itertools import islice

import click

from goldenpath import compose
from goldenpath.audit.events.event import Event
from goldenpath.audit.events.event_log import Checked
from goldenpath.audit.timeline.moment import parse_moment
from goldenpath.cli.output import Format, output_option, show
from goldenpath.cli.tables import TableRow, table
from goldenpath.errors import VerificationError
from goldenpath.times import timestamp


@click.command()
@click.option("--check", "is_check", is_flag=True, help="Check the chain of hashes instead.")
@click.option("--since", default="", metavar="TIME", help="Only from this time on.")
@click.option("--kind", default="", help="Only kinds that start with this, such as `release`.")
@click.option("--limit", type=click.IntRange(1), help="At most this many, the oldest first.")
@output_option
def verb(is_check: bool, since: str, kind: str, limit: int | None, output: Format) -> None:
    """Show and check the audit log."""
    log = compose.event_log(compose.home())
    if is_check:
        checked = log.check()
        show(checked, _page(checked), output)
        if not checked.holds:
            raise VerificationError(f"the audit log is broken at {checked.breaks[0].place}")
        return
    begin = timestamp(parse_moment(since, compose.now())) if since else ""
    selected = (e for e in log.read() if e.time >= begin and e.kind.startswith(kind))
    events = tuple(islice(selected, limit))
    text = table(("time", "kind", "actor", "subject"), list(map(_row, events))) or "no events"
    show([event.to_json() for event in events], text, output)


def _page(checked: Checked) -> str:
    lines = [f"{found.place}: {found.reason}" for found in checked.breaks]
    if checked.events:
        lines.append(f"{checked.events} events from {checked.first} to {checked.last}")
    if checked.torn:
        lines.append(f"unfinished: {checked.torn}; it was never acknowledged, and is no event")
    lines.append(f"head {checked.head.count} {checked.head.digest}")
    lines.append("the chain holds" if checked.holds else f"{len(checked.breaks)} breaks")
    return "\n".join(lines)


def _row(event: Event) -> TableRow:
    deployment = "/".join(filter(None, (event.stage, event.model)))
    subject = " ".join(filter(None, (deployment, event.digest[:19], event.commit[:12])))
    return TableRow((event.time, event.kind, event.actor, subject))
