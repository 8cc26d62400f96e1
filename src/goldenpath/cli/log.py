"""`goldenpath log`: the prediction log, checked, shown, and one person forgotten."""

from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import click

from goldenpath import compose
from goldenpath.audit.events.event import Event
from goldenpath.canonical import JsonValue
from goldenpath.cli.acting import identity_options
from goldenpath.cli.naming import MODEL, stage_filter
from goldenpath.cli.output import Format, output_option, show
from goldenpath.cli.parameters import REASON
from goldenpath.errors import NotFound, VerificationError
from goldenpath.files import timestamp
from goldenpath.observe.log.log_check import check_log
from goldenpath.observe.log.log_reader import Record, records
from goldenpath.observe.log.retention import erase_subject, expire_inputs, expire_records


@click.group()
def verb() -> None:
    """Check, show, erase or expire predictions in the log."""


@verb.command("check")
@output_option
def check(output: Format) -> None:
    """Check signatures, digests and chains, and list what is missing."""
    home = compose.home()
    report = check_log(home, compose.anchors(home))
    show(report, report.page(), output)
    if not report.holds:
        raise VerificationError("the prediction log does not hold")


@verb.command("show")
@click.option("--model", type=MODEL, default="*", help="Only this model.")
@stage_filter()
@click.option("--since", type=click.DateTime(), help="Only from this time on, UTC.")
@click.option(
    "--limit", type=click.IntRange(1), default=20, show_default=True, help="At most so many."
)
@output_option
def show_records(
    model: str, stage: str | None, since: datetime | None, limit: int, output: Format
) -> None:
    """Show records, the newest first, without inputs."""
    begin = since.replace(tzinfo=UTC) if since else None
    found = list(
        islice(records(compose.home(), stage=stage or "*", model=model, since=begin), limit)
    )
    show(found, "\n".join(map(_line, found)) or "no record", output)


@verb.command("erase")
@click.argument("subject")
@identity_options
@click.option(
    "--reason", type=REASON, required=True, help="Why, for the audit log; do not name the person."
)
@output_option
def erase(subject: str, name: str | None, key: Path | None, reason: str, output: Format) -> None:
    """Destroy the key of one person; proofs still hold.

    The inputs of the person stay closed, and no record leads to them any more.
    """
    home = compose.home()
    who = compose.person(home, name, key).name
    reference = erase_subject(home, subject)
    if reference is None:
        raise NotFound("the log holds no key of that subject")
    details: dict[str, JsonValue] = {"subject_ref": reference, "reason": reason}
    compose.event_log(home).append(
        Event(timestamp(compose.now()), "subject.erased", who, details=details)
    )
    text = "the key is destroyed: inputs stay closed and no record leads to the person"
    show(details, text, output)


@verb.command("expire")
@click.argument("what", type=click.Choice(["inputs", "records"]))
@click.option("--days", type=click.IntRange(1), required=True, help="What is older goes.")
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
    """Close old inputs or delete old records; proofs still hold.

    Inputs are closed by destroying the keys of their days.
    """
    home, now = compose.home(), compose.now()
    who = compose.person(home, name, key).name
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


def _line(record: Record) -> str:
    score = record["score"]
    answer = f"{score:.4f} {record['band']} {record['outcome']}" if score is not None else ""
    what = answer or f"{record['status']} {record['refusal'] or record['outcome'] or ''}"
    where = f"{record['stage']}/{record['model']}/{record['traffic_slot']}"
    use = f"  for {record['process']}" if record["process"] else ""
    return f"{record['t_start']}  {record['prediction_id']}  {where}  {what}{use}"
