"""`goldenpath person end`: end the validity of a person, by a signed commit."""

from datetime import datetime
from pathlib import Path

import click

from goldenpath import compose
from goldenpath.cli.acting import identity_options
from goldenpath.cli.output import Format, output_option
from goldenpath.cli.parameters import in_utc
from goldenpath.cli.trusting import change_platform
from goldenpath.promote.acts.founding import without_person


@click.command("end")
@click.argument("leaving")
@click.option("--at", type=click.DateTime(), help="When, in UTC; now otherwise.")
@identity_options
@output_option
def end(
    leaving: str, at: datetime | None, name: str | None, key: Path | None, output: Format
) -> None:
    """End the validity of a person; what they signed before stays valid."""
    moment = in_utc(at) or compose.now().replace(microsecond=0)
    message = f"platform: end the time of {leaving}\n\nFrom {moment.isoformat()} on.\n"
    change_platform(
        lambda platform: without_person(platform, leaving, moment),
        message, leaving, compose.identity(name, key), output=output,
    )  # fmt: skip
