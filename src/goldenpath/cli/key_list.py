"""`goldenpath key list`: list the build keys and when each is valid."""

import click

from goldenpath import compose
from goldenpath.cli.output import Format, output_option, show
from goldenpath.cli.tables import TableRow, table
from goldenpath.release.attest.policy import TrustedKey


@click.command("list")
@output_option
def list_keys(output: Format) -> None:
    """List the build keys of platform.toml and when each is valid."""
    keys = compose.trusted(compose.home()).platform.build_keys
    rows = [TableRow((key.name, _limits(key))) for key in keys]
    show(keys, table(("key", "valid"), rows), output)


def _limits(key: TrustedKey) -> str:
    times = (
        ("from", key.valid_from),
        ("until", key.valid_until),
        ("revoked as of", key.revoked_at),
    )
    limits = [f"{bound} {time.isoformat()}" for bound, time in times if time is not None]
    return ", ".join(limits) or "without limit"
