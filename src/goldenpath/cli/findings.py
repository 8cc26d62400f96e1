"""`goldenpath findings`: what the monitors found, and who closed it."""

import click

from goldenpath.cli.findings_close import close
from goldenpath.cli.findings_list import list_findings
from goldenpath.cli.findings_scan import scan
from goldenpath.cli.findings_vex import vex


class ListByDefault(click.Group):
    """A group that lists if none of its verbs is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group(cls=ListByDefault, commands=[list_findings, close, scan, vex])
def verb() -> None:
    """List findings of monitors and advisories, or close one."""
