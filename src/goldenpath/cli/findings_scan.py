"""`goldenpath findings scan`: compare what is live with the advisories now."""

import click

from goldenpath import compose
from goldenpath.cli.output import Format, output_option, show
from goldenpath.errors import REFUSED


@click.command("scan")
@output_option
@click.pass_context
def scan(context: click.Context, output: Format) -> None:
    """Compare what is live with the advisories; exit 7 if one is open.

    The advisories are a folder or a zip file in OSV format, named by GOLDENPATH_ADVISORIES.
    goldenpath up does the same once a day.
    """
    result = compose.scan_live(compose.home())
    lines = [f"{each.stage}/{each.model} {each.message}" for each in result.exposures]
    lines += [f"{each.id}: {each.state}" for each in result.changed]
    lines.append(f"{result.releases} live releases compared with {result.count} advisories")
    show(result, "\n".join(lines), output)
    if result.exposures:
        context.exit(REFUSED)
