"""`goldenpath key witness`: let this machine sign heads of its logs, by a signed commit."""

from pathlib import Path

import click

from goldenpath import compose
from goldenpath.cli.acting import identity_options
from goldenpath.cli.output import Format, output_option
from goldenpath.cli.trusting import change_platform
from goldenpath.promote.acts.founding import with_witness


@click.command("witness")
@click.argument("new")
@identity_options
@output_option
def witness(new: str, name: str | None, key: Path | None, output: Format) -> None:
    """List the witness key of this machine under a NEW name.

    It signs the heads of both logs on the branch `anchors`, and may write nothing else.
    """
    home = compose.home()
    line = compose.witness_key(home).public_line
    change_platform(
        lambda platform: with_witness(platform, new, line),
        f"platform: let {new} sign heads of logs\n", f"let {new} sign heads of logs",
        compose.identity(name, key), output=output,
    )  # fmt: skip
