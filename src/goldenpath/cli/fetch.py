"""`goldenpath fetch`: verify a release and unpack it, as the container before a server does."""

from pathlib import Path

import click

from goldenpath import compose
from goldenpath.cli.output import Format, output_option, show

PREFIX = "GOLDENPATH_FETCH"
"""The flag `--verify` is the variable `GOLDENPATH_FETCH_VERIFY`."""


@click.command(context_settings={"auto_envvar_prefix": PREFIX})
@click.argument("source", metavar="SOURCE")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--verify",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Policy or platform.toml to verify it by.",
)
@click.option("--unverified", is_flag=True, help="Unpack it although nobody named a trust file.")
@output_option
def verb(source: str, folder: Path, verify: Path | None, unverified: bool, output: Format) -> None:
    """Verify a release and unpack its files into FOLDER, with the evidence beside them.

    SOURCE is oci://HOST/REPOSITORY@DIGEST, layout:PATH@NAME, or a name in the home's registry.
    """
    fetched = compose.fetch_release(
        compose.home(), source, folder, verify, is_unverified=unverified
    )
    show(fetched, f"{fetched.digest} ({fetched.mark}) in {fetched.folder}", output)
