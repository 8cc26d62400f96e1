"""`goldenpath log lift`: lift a hold as one of two people."""

from pathlib import Path

import click

from goldenpath import compose
from goldenpath.audit.answers.holds_on_record import require_holds_on_record
from goldenpath.audit.events.event import Event
from goldenpath.cli.acting import identity_options
from goldenpath.cli.output import Format, output_option, said_if_done, show
from goldenpath.cli.parameters import REASON
from goldenpath.observe.log.keeping.legal_hold import lift_hold
from goldenpath.times import timestamp


@click.command("lift")
@click.argument("case")
@identity_options
@click.option("--reason", type=REASON, required=True, help="Why; do not name the person.")
@output_option
def lift(case: str, name: str | None, key: Path | None, reason: str, output: Format) -> None:
    """Lift a hold as one of two people.

    Until the second one lifts it too, everything is kept.
    """
    home, time = compose.home(), timestamp(compose.now())
    person, who = compose.person(home, name, key), compose.identity(name, key)
    require_holds_on_record(home)
    event = Event(time, "hold.lifted", person.name, details={"case": case, "reason": reason})
    log = compose.event_log(home)
    with said_if_done(output):
        # The event comes first: a hold that was lifted without one would count as forged.
        made = lift_hold(
            home, case, who.key, by=person.name, time=time, reason=reason,
            announce=lambda: log.append(event),
        )  # fmt: skip
    text = "still in force: another person has to lift it" if made.is_in_force else "lifted"
    show(made, f"hold {case}: {text}", output)
