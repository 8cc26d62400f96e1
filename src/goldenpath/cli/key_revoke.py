"""`goldenpath key revoke`: revoke a stolen build key, by a signed commit."""

from datetime import datetime
from pathlib import Path

import click

from goldenpath import compose
from goldenpath.cli.acting import identity_options
from goldenpath.cli.output import Format, output_option
from goldenpath.cli.parameters import in_utc
from goldenpath.cli.trusting import change_platform
from goldenpath.promote.acts.rotation import BEGINNING, revoked


@click.command("revoke")
@click.argument("stolen")
@click.option("--at", type=click.DateTime(), help="As of when, in UTC; now otherwise.")
@click.option("--all", "everything", is_flag=True, help="Revoke everything that it ever signed.")
@identity_options
@output_option
def revoke(
    stolen: str,
    at: datetime | None,
    everything: bool,
    name: str | None,
    key: Path | None,
    output: Format,
) -> None:
    """Revoke a stolen key; nothing that it signed since then is valid."""
    moment = BEGINNING if everything else in_utc(at) or compose.now().replace(microsecond=0)
    change_platform(
        lambda platform: revoked(platform, stolen, moment),
        f"platform: revoke the build key {stolen}\n", f"revoke the build key {stolen}",
        compose.identity(name, key), output=output,
    )  # fmt: skip
