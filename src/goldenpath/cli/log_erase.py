"""`goldenpath log erase`: erase one person from the log and keep every proof valid."""

from pathlib import Path

import click

from goldenpath import compose
from goldenpath.audit.answers.holds_on_record import require_holds_on_record
from goldenpath.audit.events.event import Event
from goldenpath.canonical import JsonValue
from goldenpath.cli.acting import identity_options
from goldenpath.cli.output import Format, output_option, show
from goldenpath.cli.parameters import REASON
from goldenpath.times import timestamp


@click.command("erase")
@click.argument("subject")
@identity_options
@click.option(
    "--reason", type=REASON, required=True, help="Why, for the audit log; do not name the person."
)
@output_option
def erase(subject: str, name: str | None, key: Path | None, reason: str, output: Format) -> None:
    """Make the inputs of one person unreadable; proofs stay valid.

    The key of the person is destroyed. Then no input can be decrypted, and no record leads to the
    person. The result is a signed certificate.
    """
    home = compose.home()
    who = compose.person(home, name, key).name
    require_holds_on_record(home)
    erased = compose.erased(home, subject, by=who, reason=reason)
    details: dict[str, JsonValue] = {
        "subject_ref": erased.reference,
        "reason": reason,
        "certificate": erased.digest,
    }
    compose.event_log(home).append(
        Event(timestamp(compose.now()), "subject.erased", who, details=details)
    )
    text = "the key is destroyed: inputs cannot be decrypted and no record leads to the person"
    page = f"{text}\ncertificate {erased.file}"
    show({**details, "file": str(erased.file)}, page, output)
