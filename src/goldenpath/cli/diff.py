"""`goldenpath diff`: shows what changed between two releases."""

from dataclasses import dataclass

import click

from goldenpath import wire
from goldenpath.attest.difference import Change, changes, facts
from goldenpath.canonical import JsonValue
from goldenpath.cli.output import Format, output_option, show
from goldenpath.oci.names import find


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two releases and every value in which they differ."""

    before: str
    after: str
    changes: tuple[Change, ...]


@click.command
@click.argument("before")
@click.argument("after")
@output_option
def verb(before: str, after: str, output: Format) -> None:
    """Show what changed between two releases: files, contract, code, data, metrics, packages.

    Read from what is stated about them; `goldenpath verify` says whether that holds.
    """
    home = wire.home()
    read = []
    for release in (before, after):
        store, name = wire.locate(release, home)
        digest = find(store, name).digest
        read.append((digest, facts(store, digest)))
    (first, old), (second, new) = read
    found = Comparison(first.text, second.text, changes(old, new))
    show(found, "\n".join(_lines(found)), output)


def _lines(found: Comparison) -> list[str]:
    lines = [f"before {found.before}", f"after  {found.after}"]
    section = ""
    for change in found.changes:
        if change.section != section:
            section = change.section
            lines.append(section)
        lines.append(f"  {change.path}: {_short(change.before)} -> {_short(change.after)}")
    return lines if found.changes else [*lines, "no difference"]


def _short(value: JsonValue) -> str:
    if value is None:
        return "(none)"
    text = str(value)
    return text[:19] if text.startswith("sha256:") else text[:60]
