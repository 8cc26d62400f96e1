"""`goldenpath key list`: list the build keys and when each is valid."""

import click

from goldenpath import compose
from goldenpath.cli.output import Format, output_option, show
from goldenpath.release.attest.policy import TrustedKey


@click.command("list")
@output_option
def list_keys(output: Format) -> None:
    """List the build keys of platform.toml and when each is valid."""
    keys = compose.trusted(compose.home()).platform.build_keys
    show(keys, "\n".join(map(_line, keys)), output)


def _line(key: TrustedKey) -> str:
    times = (
        ("from", key.valid_from),
        ("until", key.valid_until),
        ("revoked as of", key.revoked_at),
    )
    limits = ", ".join(f"{word} {time.isoformat()}" for word, time in times if time is not None)
    return f"{key.name}: {limits or 'without limit'}"
