"""`goldenpath inspect`: show what a release contains and its statements."""

from pathlib import Path

import click

from goldenpath import compose
from goldenpath.audit.registers.bill_of_materials import bill_of
from goldenpath.cli.inspect_page import bill_lines, inspection_lines
from goldenpath.cli.output import Format, note, output_option, show
from goldenpath.cli.progress import moving
from goldenpath.oci.copy import plan_size
from goldenpath.release.artifact.inspection import inspect
from goldenpath.release.evidence.release_facts import marked


@click.command
@click.argument("release")
@click.option("--files/--no-files", default=True, help="Read every layer to list its files.")
@click.option("--parts", is_flag=True, help="List every part of its signed bill of materials.")
@click.option(
    "--policy",
    "file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A platform.toml with the trusted keys; that of the gitops repository otherwise.",
)
@output_option
def verb(release: str, files: bool, parts: bool, file: Path | None, output: Format) -> None:
    """Show what a release contains, its statements, and how well each fact is known.

    RELEASE is a tag, a digest or its first digits, layout:PATH@NAME or oci://HOST/REPOSITORY:TAG.
    """
    home = compose.home()
    trust = compose.trust(home, file)
    if trust.missing:
        note(f"nothing counts as verified here: {trust.missing}")
    known = trust.known(home, release)
    if parts:
        bill = bill_of(known.digest, known.standing.counted)
        show(bill, "\n".join(bill_lines(bill)), output)
        return
    total = plan_size(known.store, known.descriptor) if files else 0
    with moving("reading", total) as progress:
        inspection = inspect(known.store, known.descriptor, opens=files, progress=progress)
    inspection = marked(inspection, known.standing)
    show(inspection, "\n".join(inspection_lines(inspection)), output)
