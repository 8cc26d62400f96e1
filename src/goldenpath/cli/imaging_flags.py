"""Flags that the verbs of `goldenpath image` share, and the page of an image."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from goldenpath.compose.containers.imaging import MadeImage

Command = Callable[..., None]
_MB = 1_000_000

pins_option: Callable[[Command], Command] = click.option(
    "--pins",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="File of pinned Debian packages; those of goldenpath otherwise.",
)
store_option: Callable[[Command], Command] = click.option(
    "--store", metavar="STORE", help="Where it goes: layout:PATH@TAG or oci://HOST/REPOSITORY:TAG."
)
archive_option: Callable[[Command], Command] = click.option(
    "--archive",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write a tar for ctr images import or podman load.",
)
name_option: Callable[[Command], Command] = click.option(
    "--name", metavar="NAME", help="Full name of the image in that tar, with its tag."
)


def image_page(made: "MadeImage") -> str:
    """Return what was built, for people."""
    return "\n".join(_lines(made))


def _lines(made: "MadeImage") -> Iterator[str]:
    yield str(made.digest)
    yield f"store    {made.store}, tag {made.tag}"
    for title, size in made.layers.items():
        yield f"  {title:<16} {size / _MB:8.1f} MB compressed"
    yield f"size     {made.size / _MB:.1f} MB compressed, {made.reused} of its layers built before"
    yield f"signed   {'with its bill of materials' if made.signed else 'no'}"
    if made.archive:
        yield f"archive  {made.archive}"
