"""Renamed options, whose old spellings work for one more minor version."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from goldenpath.cli.output import note

if TYPE_CHECKING:
    from click.parser import _OptionParser

LAST = "0.1"
"""The last minor version that accepts the old spellings."""


class RenamedOption(click.Option):
    """A renamed option: its hidden old spellings still work, with a note on standard error.

    Help, completion and suggestions name the new spelling only.
    """

    def __init__(
        self, declarations: Sequence[str], *, old: Sequence[str] = (), **attributes: object
    ) -> None:
        super().__init__(declarations, **attributes)  # type: ignore[arg-type]
        self.old = tuple(old)

    def add_to_parser(self, parser: "_OptionParser", ctx: click.Context) -> None:
        super().add_to_parser(parser, ctx)
        for spelling in self.old:
            parser.add_option(self, [spelling], dest=spelling)

    def consume_value(
        self, ctx: click.Context, opts: Mapping[str, object]
    ) -> tuple[object, ParameterSource]:
        used = [spelling for spelling in self.old if spelling in opts]
        if not used:
            return super().consume_value(ctx, opts)  # type: ignore[arg-type]
        if self.name in opts or len(used) > 1:
            given = " and ".join([*([self.opts[0]] if self.name in opts else []), *used])
            raise click.UsageError(f"{given} are given: expected {self.opts[0]} only", ctx)
        if not ctx.resilient_parsing:
            note(f"note: {used[0]} is now {self.opts[0]}, and stops working after version {LAST}")
        return opts[used[0]], ParameterSource.COMMANDLINE
