"""`goldenpath pull`: copy a release from a registry to this machine."""

from pathlib import Path

import click

from goldenpath import compose
from goldenpath.cli.output import Format, note, output_option
from goldenpath.cli.transfer import referrers_option, registry_uri, show_transfer, transfer
from goldenpath.digest import Digest
from goldenpath.release.artifact.unpack import unpack


@click.command
@click.argument("reference")
@click.option(
    "--unpack", "folder", type=click.Path(path_type=Path), help="Also write its files here."
)
@referrers_option
@output_option
def verb(reference: str, folder: Path | None, referrers: bool, output: Format) -> None:
    """Copy a release from a registry: REFERENCE is HOST/REPOSITORY:TAG or …@DIGEST."""
    home = compose.home()
    copied = transfer(
        registry_uri(reference),
        f"layout:{home.registry}",
        referrers=referrers,
        tag=_local_tag(reference),
    )
    if folder is not None:
        unpack(compose.open_store(f"layout:{home.registry}"), Digest(copied.digest), folder)
        note(f"unpacked into {folder}")
    show_transfer(copied, output)


def _local_tag(reference: str) -> str | None:
    """Return `model-tag`, as for local builds; none for a pull by digest."""
    repository, colon, tag = reference.rpartition("/")[2].partition(":")
    if not colon or "@" in reference:
        return None
    return tag if tag.startswith(f"{repository}-") else f"{repository}-{tag}"
