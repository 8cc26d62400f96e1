"""`goldenpath inventory`: show where git, registry, signatures, catalogue and machine differ."""

import click

from goldenpath import compose
from goldenpath.cli.output import Format, output_option, show
from goldenpath.cli.tables import TableRow, table
from goldenpath.deploy.reconcile.inventory import Cell, Inventory
from goldenpath.errors import REFUSED


@click.command()
@output_option
@click.pass_context
def verb(context: click.Context, output: Format) -> None:
    """Compare git, registry, catalogue and what runs; exit 7 if something differs."""
    inventory = compose.inventory(compose.home())
    if output == "json":  # each form is costly with 3,000 deployments
        shown = {"agrees": inventory.agrees, "cells": inventory.cells, "faults": inventory.faults}
        show(shown, "", output)
    else:
        show(inventory, _text(inventory), output)
    if not inventory.agrees:
        context.exit(REFUSED)


_HEADINGS = ("", "deployment", "release", "git", "runs", "registry", "signed", "catalogue")


def _text(inventory: Inventory) -> str:
    faults = [f"! {fault}" for fault in inventory.faults]
    rows = list(map(_row, inventory.cells))
    return "\n".join([*faults, table(_HEADINGS, rows, numbers={"git", "runs"}, has_head=True)])


def _row(cell: Cell) -> TableRow:
    cells = (
        "" if cell.agrees else "!",
        cell.deployment,
        cell.digest[:19],
        _percent(cell.git),
        _percent(cell.running),
        _yes(cell.registry),
        _yes(cell.signed),
        "-" if cell.catalogue is None else _yes(cell.catalogue),
    )
    return TableRow(cells, tuple(filter(None, (cell.message, *(m.message for m in cell.marks)))))


def _percent(value: int | None) -> str:
    return "-" if value is None else f"{value}%"


def _yes(value: bool) -> str:
    return "yes" if value else "NO"
