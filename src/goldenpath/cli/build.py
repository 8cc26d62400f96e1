"""`goldenpath build`: make a signed release from the commit that is checked out."""

from pathlib import Path

import click

from goldenpath import compose
from goldenpath.cli.output import Format, note, output_option, show
from goldenpath.cli.progress import working
from goldenpath.cli.rehearsing import built_text, note_durations, rehearsed
from goldenpath.project.load import load_project


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default=".")
@click.option(
    "--allow-dirty", is_flag=True, help="Build uncommitted files; no gate accepts such a release."
)
@click.option(
    "--smoke", is_flag=True, help="Only lint, test and train on a sample; make no release."
)
@output_option
def verb(folder: Path, allow_dirty: bool, smoke: bool, output: Format) -> None:
    """Train in the locked environment, evaluate, pack, attest and sign.

    Building the same commit again gives the same digest and adds nothing.
    """
    home = compose.home()
    project = load_project(folder.absolute())
    if smoke:
        rehearsed(project, home, output)
        return
    with working() as report:
        built = compose.make_release(home, project, report, report.moving, allow_dirty=allow_dirty)
        note_durations(report)
    show(built, built_text(built), output)
    if not built.is_new:
        note("the same signed release exists already: nothing was added")
