"""`goldenpath key end`: end the validity of a build key, by a signed commit."""

from datetime import datetime
from pathlib import Path

import click

from goldenpath import compose
from goldenpath.cli.acting import identity_options
from goldenpath.cli.output import Format, output_option
from goldenpath.cli.parameters import in_utc
from goldenpath.cli.trusting import change_platform
from goldenpath.promote.acts.rotation import ended


@click.command("end")
@click.argument("old")
@click.option("--at", type=click.DateTime(), help="When, in UTC; now otherwise.")
@identity_options
@output_option
def end(old: str, at: datetime | None, name: str | None, key: Path | None, output: Format) -> None:
    """End the validity of a key; what it signed before stays valid."""
    moment = in_utc(at) or compose.now().replace(microsecond=0)
    change_platform(
        lambda platform: ended(platform, old, moment),
        f"platform: end the build key {old}\n", f"end the build key {old}",
        compose.identity(name, key), output=output,
    )  # fmt: skip
