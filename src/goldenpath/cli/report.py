"""`goldenpath report`: the technical documentation of a release, and what its fields are for."""

import click

from goldenpath.cli.report_card import card
from goldenpath.cli.report_write import write


class WriteByDefault(click.Group):
    """A group that writes the report if none of its verbs is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or args[0] not in self.commands:
            args = ["write", *args]
        return super().parse_args(ctx, args)


@click.group(cls=WriteByDefault, commands=[write, card])
def verb() -> None:
    """Write the technical documentation of a release, or explain the fields of its cards."""
