"""`goldenpath log check`: check signatures, digests and chains of the prediction log."""

import click

from goldenpath import compose
from goldenpath.cli.output import Format, output_option, show
from goldenpath.errors import VerificationError
from goldenpath.observe.log.log_check import check_log


@click.command("check")
@output_option
def check(output: Format) -> None:
    """Check signatures, digests and chains, and list what is missing."""
    home = compose.home()
    report = check_log(home, compose.anchors(home))
    show(report, report.page(), output)
    if not report.holds:
        raise VerificationError("the prediction log does not hold")
