"""`goldenpath replay`: let the exact release answer recorded inputs again."""

import sys
from pathlib import Path

import click

from goldenpath import compose
from goldenpath.audit.proofs.replay import Drawn, draw, replay
from goldenpath.canonical import JsonValue
from goldenpath.cli.acting import identity_options
from goldenpath.cli.naming import MODEL, stage_filter
from goldenpath.cli.output import Format, output_option, show
from goldenpath.cli.parameters import REASON
from goldenpath.cli.replay_page import render_replay, replay_record
from goldenpath.errors import REFUSED, InvalidInput
from goldenpath.observe.log.log_reader import locate_prediction


@click.command()
@click.argument("prediction_id", required=False)
@click.option("--sample", type=click.IntRange(1, 1_000_000), help="Draw this many records.")
@click.option("--seed", default="", help="Draw the same records again; the time otherwise.")
@stage_filter("Only in this stage, for --sample.")
@click.option("--model", type=MODEL, help="Only this model, for --sample.")
@identity_options
@click.option("--reason", type=REASON, required=True, help="Why, for the audit log.")
@click.option("--sign", is_flag=True, help="Sign the result of a sample and attach it.")
@output_option
def verb(
    prediction_id: str | None,
    sample: int | None,
    seed: str,
    stage: str | None,
    model: str | None,
    name: str | None,
    key: Path | None,
    reason: str,
    sign: bool,
    output: Format,
) -> None:
    """Let the exact release answer recorded inputs again, and name each difference with its cause.

    The inputs of people are opened for it: that needs a role and a reason, and is an event.
    """
    home = compose.home()
    if (prediction_id is None) == (sample is None) or (sign and sample is None):
        raise InvalidInput("expected a PREDICTION_ID, or --sample N, which --sign goes with")
    if prediction_id is not None:
        segment, place = locate_prediction(home, prediction_id)
        drawn = Drawn("", 1, ((segment, [place]),))
        about: dict[str, JsonValue] = {"predictions": [prediction_id], "stage": segment.stage}
    else:
        seed = seed or compose.now().isoformat()
        drawn = draw(home, seed, sample or 1, stage=stage or "*", model=model or "*")
        about = {"seed": seed, "count": sample, **({"stage": stage} if stage else {})}
    with compose.replay_loader(home) as load:
        compose.open_inputs_for(home, name, key, purpose="replay", reason=reason, what=about)
        answers = list(replay(home, drawn.places, load))
    statements = compose.sign_replay(home, drawn, answers) if sign else ()
    show(replay_record(drawn, answers, statements), render_replay(drawn, answers), output)
    if any(each.state != "equal" and each.state != "rounding" for each in answers):
        sys.exit(REFUSED)
