"""`goldenpath log`: the prediction log."""

import click

from goldenpath.cli.log_anchor import anchor
from goldenpath.cli.log_check import check
from goldenpath.cli.log_compact import compact_log
from goldenpath.cli.log_erase import erase
from goldenpath.cli.log_expire import expire
from goldenpath.cli.log_hold import hold
from goldenpath.cli.log_lift import lift
from goldenpath.cli.log_retention import retention
from goldenpath.cli.log_show import show_records
from goldenpath.cli.log_tiles import tiles


@click.group(
    commands=[anchor, check, show_records, compact_log, erase, expire, hold, lift, retention, tiles]
)
def verb() -> None:
    """Check, show, anchor, compact, hold, erase or expire predictions in the log."""
