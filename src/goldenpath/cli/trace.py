"""`goldenpath trace`: trace one answer to its model, data, code and people."""

import click

from goldenpath import compose
from goldenpath.audit.answers.checked_logs import require_whole
from goldenpath.audit.answers.evidence_gathering import gather
from goldenpath.audit.answers.trace import render_trace, trace
from goldenpath.cli.output import Format, output_option, show
from goldenpath.observe.log.log_reader import find_prediction


@click.command()
@click.argument("prediction_id")
@output_option
def verb(prediction_id: str, output: Format) -> None:
    """Trace one answer to its model, data, code and people.

    PREDICTION_ID is the value of the answer's header x-goldenpath-prediction-id. Add a dash and
    the row number if the request had several rows.
    """
    home = compose.home()
    prediction = find_prediction(home, prediction_id)
    sources, digest = compose.sources(home, prediction.release)
    bundle = gather(sources, digest, compose.now())
    made = trace(prediction, bundle)
    show(made, render_trace(made), output)
    require_whole(bundle.logs)
