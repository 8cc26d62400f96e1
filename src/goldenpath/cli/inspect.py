"""`goldenpath inspect`: show what a release contains and its statements."""

from collections.abc import Iterator
from pathlib import Path

import click

from goldenpath import compose
from goldenpath.cli.output import Format, note, output_option, show
from goldenpath.cli.progress import moving
from goldenpath.oci.copy import plan_size
from goldenpath.release.artifact.inspection import Inspection, inspect
from goldenpath.release.evidence.release_facts import marked


@click.command
@click.argument("release")
@click.option("--files/--no-files", default=True, help="Read every layer to list its files.")
@click.option(
    "--policy",
    "file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A platform.toml with the trusted keys; that of the gitops repository otherwise.",
)
@output_option
def verb(release: str, files: bool, file: Path | None, output: Format) -> None:
    """Show what a release contains, its statements, and how well each fact is known.

    RELEASE is a tag, a digest or its first digits, layout:PATH@NAME or oci://HOST/REPOSITORY:TAG.
    """
    home = compose.home()
    trust = compose.trust(home, file)
    if trust.missing:
        note(f"nothing counts as verified here: {trust.missing}")
    known = trust.known(home, release)
    total = plan_size(known.store, known.descriptor) if files else 0
    with moving("reading", total) as progress:
        inspection = inspect(known.store, known.descriptor, opens=files, progress=progress)
    inspection = marked(inspection, known.standing)
    show(inspection, "\n".join(_lines(inspection)), output)


def _lines(inspection: Inspection) -> Iterator[str]:
    signed = (
        f"signed by {', '.join(inspection.signers)}"
        if inspection.signers
        else "no trusted signature"
    )
    yield inspection.digest
    yield f"content    {inspection.mark}: {signed}"
    yield f"type       {inspection.media_type}"
    for key, text in inspection.annotations.items():
        yield f"{key.rpartition('.')[2]:<10} {text}"
    yield f"layers     {len(inspection.layers)}, {inspection.total:,} bytes"
    for layer in inspection.layers:
        yield f"  {layer.digest[:19]}  {layer.size:>14,}  {layer.title}"
        for file in layer.files or ():
            yield f"    {file.digest[:19]}  {file.size:>12,}  {file.path}"
    yield f"referrers  {len(inspection.referrers)}"
    for entry in inspection.referrers:
        mark = f"{entry.mark} by {entry.signer}" if entry.signer else entry.mark
        yield f"  {entry.digest[:19]}  {mark:<24} {entry.predicate_type or entry.artifact_type}"
    yield f"check it with: goldenpath verify {inspection.digest}"
