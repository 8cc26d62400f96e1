"""`goldenpath oversight override`: record that a person decided otherwise than an answer."""

from pathlib import Path

import click

from goldenpath import compose
from goldenpath.audit.answers.override_records import record_override
from goldenpath.cli.acting import identity_options
from goldenpath.cli.output import Format, output_option, show
from goldenpath.cli.parameters import REASON
from goldenpath.observe.log.log_reader import find_prediction


@click.command("override")
@click.argument("prediction_id")
@click.option("--by", "role", required=True, help="The role of who decided, never a name.")
@click.option("--reason", type=REASON, required=True, help="Why the answer was not followed.")
@identity_options
@output_option
def override(
    prediction_id: str, role: str, reason: str, name: str | None, key: Path | None, output: Format
) -> None:
    """Record that a person decided otherwise than an answer.

    PREDICTION_ID is the value of the answer's header x-goldenpath-prediction-id. A system of the
    bank posts it with the key of a listed person.
    """
    home = compose.home()
    prediction = find_prediction(home, prediction_id)
    event = record_override(compose.override_desk(home, name, key), prediction.record, role, reason)
    text = f"recorded: {role} overrode {prediction_id} of {event.model} in {event.stage}"
    show(event.to_json(), text, output)
