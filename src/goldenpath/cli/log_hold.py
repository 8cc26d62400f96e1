"""`goldenpath log hold`: keep records from erasure and expiry until two people lift it."""

from pathlib import Path

import click

from goldenpath import compose
from goldenpath.audit.answers.holds_on_record import require_holds_on_record
from goldenpath.audit.events.event import Event
from goldenpath.cli.acting import identity_options
from goldenpath.cli.output import Format, output_option, show
from goldenpath.cli.parameters import REASON
from goldenpath.errors import InvalidInput
from goldenpath.observe.log.keeping.held_records import records_to_hold
from goldenpath.observe.log.keeping.legal_hold import place_hold
from goldenpath.times import timestamp


@click.command("hold")
@click.argument("case")
@click.option("--prediction", "predictions", multiple=True, help="Keep this record.")
@click.option("--subject", "subjects", multiple=True, help="Keep all records of this person.")
@identity_options
@click.option("--reason", type=REASON, required=True, help="Why; do not name the person.")
@output_option
def hold(
    case: str,
    predictions: tuple[str, ...],
    subjects: tuple[str, ...],
    name: str | None,
    key: Path | None,
    reason: str,
    output: Format,
) -> None:
    """Keep named records from erasure until two people lift it.

    They do not expire either. The key of their day is kept too, so the other inputs of that day in
    the stage stay as well.
    """
    home, time = compose.home(), timestamp(compose.now())
    if not predictions and not subjects:
        raise InvalidInput("a hold needs records: expected --prediction ID or --subject NAME")
    person, who = compose.person(home, name, key), compose.identity(name, key)
    require_holds_on_record(home)
    records = records_to_hold(home, predictions, subjects)
    made = place_hold(home, case, records, who.key, by=person.name, time=time, reason=reason)
    details = {"case": case, "reason": reason}
    compose.event_log(home).append(Event(time, "hold.placed", person.name, details={**details}))
    count = f"{len(records.predictions)} records in {len(records.segments)} segments"
    show(made, f"hold {case} keeps {count} and the keys of {len(records.days)} days", output)
