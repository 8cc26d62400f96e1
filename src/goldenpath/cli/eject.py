"""`goldenpath eject`: write what a company needs to live without goldenpath."""

import sys
from pathlib import Path

import click

from goldenpath import compose
from goldenpath.cli.output import Format, note, output_option, show
from goldenpath.errors import REFUSED


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@output_option
def verb(folder: Path, output: Format) -> None:
    """Write manifests, releases and checks into FOLDER, to live without us.

    It changes nothing else. Exit 7 if a deployment cannot be read, or if the evidence of a release
    does not hold now; the rest is written all the same.
    """
    note("copying the releases that git declares")
    ejected = compose.eject(compose.home(), folder)
    lines = [
        f"{folder} has {len(ejected.manifests)} manifests and {len(ejected.releases)} releases",
        *(f"does NOT hold: {digest}" for digest in ejected.failing),
        *(f"not written: {name}: {reason}" for name, reason in ejected.problems.items()),
        f"read {folder / 'README.md'}",
    ]
    show(ejected, "\n".join(lines), output)
    if ejected.failing or ejected.problems:
        sys.exit(REFUSED)
