"""`goldenpath labels`: what became known about predictions later."""

from pathlib import Path

import click

from goldenpath import compose
from goldenpath.audit.events.event import Event
from goldenpath.canonical import JsonValue
from goldenpath.cli.acting import identity_options
from goldenpath.cli.naming import MODEL, stage_option
from goldenpath.cli.output import Format, output_option, show
from goldenpath.observe.labels.label_store import add_labels, read_labels
from goldenpath.times import timestamp


@click.group()
def verb() -> None:
    """Add what became known about predictions later."""


@verb.command("add")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--model", type=MODEL, required=True, help="The model that gave the predictions.")
@stage_option("The stage that gave the predictions.")
@identity_options
@output_option
def add(
    file: Path, model: str, stage: str, name: str | None, key: Path | None, output: Format
) -> None:
    """Add the labels of FILE, as CSV or Parquet.

    Its columns are prediction_id and label. Labels may come late and in parts, also before the
    prediction is in the sealed log. A later label of the same prediction corrects the earlier one,
    which is kept.
    """
    home, now = compose.home(), compose.now()
    compose.require_known(home, stage, model, set())
    person = compose.person(home, name, key).name
    added = add_labels(home.labels, stage, model, read_labels(file), now=now)
    details: dict[str, JsonValue] = {
        "labels": added.rows,
        "file": added.path.name,
        "sha256": added.digest,
    }
    compose.event_log(home).append(
        Event(timestamp(now), "labels.added", person, stage, model, details=details)
    )
    show(added, f"{added.rows} labels of {stage}/{model} are stored", output)
