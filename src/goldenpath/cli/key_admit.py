"""`goldenpath key admit`: let a follower sign what it admitted, by a signed commit."""

from pathlib import Path

import click

from goldenpath import compose
from goldenpath.cli.acting import identity_options
from goldenpath.cli.output import Format, output_option
from goldenpath.cli.trusting import change_platform
from goldenpath.promote.acts.rotation import with_admission_key


@click.command("admit")
@click.argument("new")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--make-key", is_flag=True, help="Make the key, and its private part beside it.")
@identity_options
@output_option
def admit(
    new: str, file: Path, make_key: bool, name: str | None, key: Path | None, output: Format
) -> None:
    """List the public key in FILE as an admission key, NEW.

    FILE is PEM, and NEW its name. It signs which releases a follower admitted, for policy engines.
    Nothing else that it signs counts.
    """
    made = compose.public_key(new, file, make=make_key)
    change_platform(
        lambda platform: with_admission_key(platform, made),
        f"platform: let {new} sign what it admits\n", f"let {new} sign what it admits",
        compose.identity(name, key), output=output,
    )  # fmt: skip
