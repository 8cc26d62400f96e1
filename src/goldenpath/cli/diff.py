"""`goldenpath diff`: shows what changed between two releases."""

from dataclasses import dataclass
from pathlib import Path

import click

from goldenpath import wire
from goldenpath.artifact.inspection import Mark
from goldenpath.attest.difference import Change, Section, difference
from goldenpath.cli.comparison import lines
from goldenpath.cli.output import Format, note, output_option, show


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two releases and every value in which they differ."""

    before: str
    after: str
    before_mark: Mark
    after_mark: Mark
    sections: tuple[Section, ...]
    changes: tuple[Change, ...]


@click.command
@click.argument("before")
@click.argument("after")
@click.option(
    "--policy",
    "file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A platform.toml with the trusted keys; that of the gitops repository otherwise.",
)
@output_option
def verb(before: str, after: str, file: Path | None, output: Format) -> None:
    """Show what changed between two releases, and how well each fact is known.

    Data, parameters, code, packages, metrics, schema, decision policy, limits, monitors, gates.
    Verified: signed by a trusted key. Observed: hashed here. Declared: said, and not signed by
    anybody trusted. Unknown: not said.
    """
    home = wire.home()
    trust = wire.trust(home, file)
    if trust.missing:
        note(f"nothing counts as verified here: {trust.missing}")
    old, new = trust.known(home, before), trust.known(home, after)
    found = difference(*wire.compared(home, trust, old, new))
    record = Comparison(
        old.digest.text,
        new.digest.text,
        old.standing.mark,
        new.standing.mark,
        found.sections,
        found.changes,
    )
    text = lines(found, (old.digest, old.standing), (new.digest, new.standing))
    show(record, "\n".join(text), output)
