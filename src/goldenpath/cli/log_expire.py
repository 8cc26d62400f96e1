"""`goldenpath log expire`: close or delete what is too old."""

from datetime import timedelta
from pathlib import Path

import click

from goldenpath import compose
from goldenpath.audit.answers.holds_on_record import require_holds_on_record
from goldenpath.audit.events.event import Event
from goldenpath.canonical import JsonValue
from goldenpath.cli.acting import identity_options
from goldenpath.cli.naming import stage_filter
from goldenpath.cli.output import Format, output_option, show
from goldenpath.cli.parameters import REASON
from goldenpath.observe.log.retention import expire_inputs, expire_records
from goldenpath.times import timestamp


@click.command("expire")
@click.argument("what", type=click.Choice(["inputs", "records"]))
@click.option(
    "--days", type=click.IntRange(1), required=True, help="Age limit; older entries expire."
)
@stage_filter("Only in this stage.")
@identity_options
@click.option("--reason", type=REASON, required=True, help="Why, for the audit log.")
@output_option
def expire(
    what: str,
    days: int,
    stage: str | None,
    name: str | None,
    key: Path | None,
    reason: str,
    output: Format,
) -> None:
    """Make old inputs unreadable, or delete old records.

    Old inputs become unreadable by destroying the keys of their days. Proofs stay valid.
    """
    home, now = compose.home(), compose.now()
    who = compose.person(home, name, key).name
    require_holds_on_record(home)
    before = now - timedelta(days=days)
    if what == "inputs":
        gone = expire_inputs(home, before.date(), stage)
        text = f"inputs sealed before {before.date()} are closed for good: {len(gone)} days"
    else:
        gone = expire_records(home, before, now, stage or "*")
        text = f"records made before {timestamp(before)} are deleted: {len(gone)} segments"
    listed: list[JsonValue] = [*gone]
    details: dict[str, JsonValue] = {
        "what": what,
        "before": timestamp(before),
        "gone": listed,
        "reason": reason,
    }
    compose.event_log(home).append(
        Event(timestamp(now), "log.expired", who, stage or "", details=details)
    )
    show({"what": what, "before": timestamp(before), "gone": gone}, text, output)
