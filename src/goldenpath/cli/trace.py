"""`goldenpath trace`: trace one answer to its model, data, code and people."""

from pathlib import Path

import click

from goldenpath import compose
from goldenpath.audit.answers.checked_logs import require_whole
from goldenpath.audit.answers.evidence_gathering import gather
from goldenpath.audit.answers.trace import render_trace, require_sealed, trace
from goldenpath.audit.timeline.moment import parse_moment
from goldenpath.canonical import JsonValue
from goldenpath.cli.acting import identity_options
from goldenpath.cli.output import Format, output_option, show
from goldenpath.cli.parameters import REASON
from goldenpath.errors import InvalidInput
from goldenpath.observe.log.log_reader import find_prediction, locate_prediction


@click.command()
@click.argument("prediction_id")
@click.option("--at", "time", default="now", help="What was known of it at this time.")
@click.option("--open", "opens", is_flag=True, help="Show the inputs; needs a role and --reason.")
@identity_options
@click.option("--reason", type=REASON, help="Why they are opened, for the audit log.")
@output_option
def verb(
    prediction_id: str,
    time: str,
    opens: bool,
    name: str | None,
    key: Path | None,
    reason: str | None,
    output: Format,
) -> None:
    """Trace one answer to its model, data, code and people.

    PREDICTION_ID is the value of the answer's header x-goldenpath-prediction-id. Add a dash and
    the row number if the request had several rows.
    """
    home, moment = compose.home(), parse_moment(time, compose.now())
    if opens and reason is None:
        raise InvalidInput(
            "--open shows the inputs of a person: expected --reason",
            hint='say why, for the audit log: --reason "complaint of 3 March"',
        )
    if opens:
        segment, _ = locate_prediction(home, prediction_id)
        about: dict[str, JsonValue] = {"predictions": [prediction_id], "stage": segment.stage}
        compose.open_inputs_for(home, name, key, purpose="trace", reason=reason or "", what=about)
    prediction = require_sealed(find_prediction(home, prediction_id), moment)
    if not opens:
        prediction = prediction.closed()
    sources, digest = compose.sources(home, prediction.release)
    bundle = gather(sources, digest, moment)
    made = trace(prediction, bundle)
    show(made, render_trace(made), output)
    require_whole(bundle.logs)
