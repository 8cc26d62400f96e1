"""`goldenpath inspect`: shows what a release holds and what is said about it."""

import click

from goldenpath import wire
from goldenpath.artifact.inspection import Inspection, inspect
from goldenpath.cli.output import Format, output_option, show
from goldenpath.oci.names import find


@click.command
@click.argument("release")
@output_option
def verb(release: str, output: Format) -> None:
    """Show what a release holds and what is said about it; nothing of it is verified here.

    RELEASE is a tag, a digest or its first digits, layout:PATH@NAME or oci://HOST/REPOSITORY:TAG.
    """
    store, name = wire.locate(release, wire.home())
    found = inspect(store, find(store, name))
    show(found, "\n".join(_lines(found)), output)


def _lines(found: Inspection) -> list[str]:
    lines = [found.digest, f"type       {found.media_type}"]
    for key, text in found.annotations.items():
        lines.append(f"{key.rpartition('.')[2]:<10} {text}")
    lines.append(f"layers     {len(found.layers)}, {found.total:,} bytes")
    for layer in found.layers:
        lines.append(f"  {layer.digest[:19]}  {layer.size:>14,}  {layer.title}")
        lines += [f"    {f.digest[:19]}  {f.size:>12,}  {f.path}" for f in layer.files or ()]
        if layer.files is None:
            lines.append("    not opened: too large to list")
    lines.append(f"referrers  {len(found.referrers)}")
    lines += [
        f"  {said.digest[:19]}  {said.predicate_type or said.artifact_type}"
        for said in found.referrers
    ]
    lines.append(f"check it with: goldenpath verify {found.digest}")
    return lines
