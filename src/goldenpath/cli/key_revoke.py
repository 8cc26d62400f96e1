"""`goldenpath key revoke`: revoke a stolen build key, by a signed commit."""

from datetime import datetime
from pathlib import Path

import click

from goldenpath import compose
from goldenpath.cli.acting import identity_options
from goldenpath.cli.key_reach_page import key_reach_text
from goldenpath.cli.output import Format, output_option, show
from goldenpath.cli.parameters import in_utc
from goldenpath.cli.trusting import change_platform, trust_record, trust_text
from goldenpath.errors import InvalidInput
from goldenpath.promote.acts.founding import platform_files
from goldenpath.promote.acts.rotation import BEGINNING, revoked


@click.command("revoke")
@click.argument("stolen")
@click.option("--at", type=click.DateTime(), help="As of when, in UTC; now otherwise.")
@click.option("--since", type=click.DateTime(), help="The same, and list what it touched since.")
@click.option("--all", "everything", is_flag=True, help="Revoke everything that it ever signed.")
@click.option("--dry-run", is_flag=True, help="With --since: only list, and revoke nothing.")
@identity_options
@output_option
def revoke(
    stolen: str,
    at: datetime | None,
    since: datetime | None,
    everything: bool,
    dry_run: bool,
    name: str | None,
    key: Path | None,
    output: Format,
) -> None:
    """Revoke a stolen key; nothing that it signed since then is valid."""
    if [bool(at), bool(since), everything].count(True) > 1 or (dry_run and since is None):
        raise InvalidInput("expected one of --at, --since and --all, and --dry-run with --since")
    moment = BEGINNING if everything else in_utc(since or at)
    moment = moment or compose.now().replace(microsecond=0)
    message = f"platform: revoke the build key {stolen}\n"
    if since is None:
        change_platform(
            lambda platform: revoked(platform, stolen, moment),
            message, f"revoke the build key {stolen}",
            compose.identity(name, key), output=output,
        )  # fmt: skip
        return
    home = compose.home()
    known = compose.trusted(home)
    files = platform_files(revoked(known.platform, stolen, moment))
    # Before the commit, since nothing of the key counts after it.
    reach = compose.key_reach(home, stolen, moment)
    if dry_run:
        show({"touched": reach}, key_reach_text(reach), output)
        return
    acting = compose.identity(name, key)
    outcome = compose.change_trust(home, known, files, message, acting=acting)
    text = f"revoke {stolen}: {trust_text(outcome)}\n{key_reach_text(reach)}"
    show({**trust_record(outcome), "touched": reach}, text, output)
