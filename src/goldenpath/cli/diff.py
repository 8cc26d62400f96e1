"""`goldenpath diff`: show what changed between two releases."""

from dataclasses import dataclass
from pathlib import Path

import click

from goldenpath import compose
from goldenpath.cli.comparison import lines
from goldenpath.cli.output import Format, note, output_option, show
from goldenpath.release.artifact.inspection import Mark
from goldenpath.release.evidence.difference import ChangedValue, Section, difference


@dataclass(frozen=True, slots=True)
class ReleaseComparison:
    """Two releases and every value in which they differ."""

    before: str
    after: str
    before_mark: Mark
    after_mark: Mark
    sections: tuple[Section, ...]
    changes: tuple[ChangedValue, ...]


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
    Verified: signed by a trusted key. Observed: hashed here. Declared: stated, but not signed by
    a trusted key. Unknown: not stated.
    """
    home = compose.home()
    trust = compose.trust(home, file)
    if trust.missing:
        note(f"nothing counts as verified here: {trust.missing}")
    old, new = trust.known(home, before), trust.known(home, after)
    differences = difference(*compose.compared(home, trust, old, new))
    record = ReleaseComparison(
        old.digest.text,
        new.digest.text,
        old.standing.mark,
        new.standing.mark,
        differences.sections,
        differences.changes,
    )
    text = lines(differences, (old.digest, old.standing), (new.digest, new.standing))
    show(record, "\n".join(text), output)
