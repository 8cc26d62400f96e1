"""`goldenpath prove`: prove one prediction to somebody who has neither goldenpath nor a network."""

from pathlib import Path

import click

from goldenpath import compose
from goldenpath.audit.proofs.bundle_archive import render_archive
from goldenpath.audit.proofs.prediction_proof import prove
from goldenpath.audit.timeline.moment import parse_moment
from goldenpath.cli.output import Format, output_option, show
from goldenpath.cli.prove_page import proof_record, render_proof


@click.command()
@click.argument("prediction_id")
@click.option(
    "--bundle",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="Write the proof to this file, a compressed tar.",
)
@click.option("--at", "time", help="Only by heads of the log that were signed up to this time.")
@output_option
def verb(prediction_id: str, bundle: Path, time: str | None, output: Format) -> None:
    """Prove one prediction in a file that verifies without goldenpath and without a network.

    PREDICTION_ID is that of `goldenpath trace`. The file has VERIFY.md with the commands.
    """
    home = compose.home()
    moment = parse_moment(time, compose.now()) if time is not None else None
    proven = prove(compose.proof_sources(home), prediction_id, at=moment)
    folder = f"prediction-{proven.prediction_id}"
    content = render_archive(folder, proven.files)
    compose.write_whole(bundle, content)
    record = proof_record(proven, bundle, len(content))
    show(record, render_proof(proven, bundle, folder, size=len(content)), output)
