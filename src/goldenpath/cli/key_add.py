"""`goldenpath key add`: trust one more build key, by a signed commit."""

from datetime import datetime
from pathlib import Path

import click

from goldenpath import compose
from goldenpath.cli.acting import identity_options
from goldenpath.cli.output import Format, output_option
from goldenpath.cli.parameters import in_utc
from goldenpath.cli.trusting import change_platform
from goldenpath.promote.acts.rotation import with_key
from goldenpath.release.attest.policy import TrustedKey


@click.command("add")
@click.argument("new")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--make-key", is_flag=True, help="Make the key, and its private part beside it.")
@click.option("--from", "start", type=click.DateTime(), help="Start of its validity, in UTC.")
@click.option("--until", "end", type=click.DateTime(), help="End of its validity, in UTC.")
@identity_options
@output_option
def add(
    new: str,
    file: Path,
    make_key: bool,
    start: datetime | None,
    end: datetime | None,
    name: str | None,
    key: Path | None,
    output: Format,
) -> None:
    """Trust the public key in FILE (PEM) under a NEW name."""
    made = compose.public_key(new, file, make=make_key)
    trusted = TrustedKey(new, made.public_key, in_utc(start), in_utc(end))
    change_platform(
        lambda platform: with_key(platform, trusted),
        f"platform: trust the build key {new}\n", f"trust the build key {new}",
        compose.identity(name, key), output=output,
    )  # fmt: skip
