"""`goldenpath sample`: draw records of the log that nobody could choose."""

from pathlib import Path

import click

from goldenpath import compose
from goldenpath.audit.events.event import Event
from goldenpath.audit.proofs.stratified_sample import draw_sample, newest_head, refuse_known_seed
from goldenpath.audit.timeline.moment import parse_moment
from goldenpath.canonical import JsonValue
from goldenpath.cli.naming import MODEL, stage_filter
from goldenpath.cli.output import Format, output_option, show
from goldenpath.cli.sample_page import render_head, render_sample, sample_record, write_bundles
from goldenpath.times import timestamp


@click.command()
@click.option("--seed", help="Choose it after the head was published; without it, see the head.")
@click.option(
    "-n",
    "count",
    type=click.IntRange(1, 100_000),
    default=60,
    show_default=True,
    help="How many records to draw.",
)
@stage_filter("Only in this stage.")
@click.option("--model", type=MODEL, help="Only this model.")
@click.option("--at", "time", help="By the newest head of up to this time.")
@click.option(
    "--bundles",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write the proof of each record to a file in this folder.",
)
@output_option
def verb(
    seed: str | None,
    count: int,
    stage: str | None,
    model: str | None,
    time: str | None,
    bundles: Path | None,
    output: Format,
) -> None:
    """Draw records by a published head and a later seed, with the bound on the error rate."""
    home = compose.home()
    moment = parse_moment(time, compose.now()) if time is not None else None
    sources = compose.proof_sources(home)
    head = newest_head(sources.anchors.records, sources.machine, moment)
    if seed is None:
        show({"head": head.commit.id, "time": head.record.time}, render_head(head), output)
        return
    log = compose.event_log(home)
    refuse_known_seed(seed, head, tuple(log.read()))
    sample = draw_sample(home, head, seed, count, stage=stage or "*", model=model or "*")
    proofs = write_bundles(sources, sample, bundles) if bundles is not None else {}
    details: dict[str, JsonValue] = {"seed": seed, "head": head.commit.id, "count": count}
    log.append(Event(timestamp(compose.now()), "sample.drawn", "system", details=details))
    show(sample_record(sample, proofs), render_sample(sample, proofs), output)
