"""`goldenpath inventory`: show where git, registry, signatures, catalogue and machine differ."""

import click

from goldenpath import compose
from goldenpath.cli.output import Format, output_option, show
from goldenpath.deploy.reconcile.inventory import Inventory
from goldenpath.errors import REFUSED


@click.command()
@output_option
@click.pass_context
def verb(context: click.Context, output: Format) -> None:
    """Compare git, registry, catalogue and what runs; exit 7 if something differs."""
    found = compose.inventory(compose.home())
    if output == "json":  # each form is costly with 3,000 deployments
        shown = {"agrees": found.agrees, "cells": found.cells, "faults": found.faults}
        show(shown, "", output)
    else:
        show(found, _text(found), output)
    if not found.agrees:
        context.exit(REFUSED)


def _text(found: Inventory) -> str:
    head = f"  {'deployment':30} {'release':20} {'git':>5} {'runs':>5}  registry  signed  catalogue"
    lines = [f"! {fault}" for fault in found.faults] + [head]
    for cell in found.cells:
        lines.append(
            f"{' ' if cell.agrees else '!'} {cell.deployment:30} {cell.digest[:19]:20} "
            f"{_percent(cell.git):>5} {_percent(cell.running):>5}  {_yes(cell.registry):8}  "
            f"{_yes(cell.signed):6}  {'-' if cell.catalogue is None else _yes(cell.catalogue)}"
        )
        if cell.message:
            lines.append(f"    {cell.message}")
        lines += [f"    {mark.message}" for mark in cell.marks]
    return "\n".join(lines)


def _percent(value: int | None) -> str:
    return "-" if value is None else f"{value}%"


def _yes(value: bool) -> str:
    return "yes" if value else "NO"
