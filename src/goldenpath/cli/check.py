"""`goldenpath check`: report every fault of a project at once."""

import sys
from pathlib import Path

import click

from goldenpath import compose
from goldenpath.cli.output import Format, note, output_option, show
from goldenpath.errors import InvalidInput
from goldenpath.project.load import notes, warnings
from goldenpath.project.schema import schema_text


@click.command()
@click.argument(
    "project", type=click.Path(path_type=Path, file_okay=False, exists=True), default="."
)
@click.option("--schema", is_flag=True, help="Print the JSON schema of goldenpath.toml instead.")
@output_option
def verb(project: Path, schema: bool, output: Format) -> None:
    """Check the declaration of a project and report every fault at once."""
    if schema:
        click.echo(schema_text("goldenpath"), nl=False)
        return
    home = compose.home()
    scene = compose.statement_scene(home, project)
    found, later = compose.project_faults(home, project, scene), warnings(project)
    faults = tuple(fault for fault in found if not fault.is_open)
    still_open = tuple(fault for fault in found if fault.is_open)
    unchecked = scene.not_checked
    lines = [str(fault) for fault in faults] or ["no faults"]
    costs = notes(project)
    value = {
        "faults": faults,
        "open": still_open,
        "warnings": later,
        "notes": costs,
        "not_checked": unchecked,
    }
    show(value, "\n".join(lines), output)
    for cost in costs:
        note(f"note: {cost}")
    for reason in unchecked:
        note(f"not checked: {reason}")
    for file in dict.fromkeys(fault.file for fault in still_open):
        fields = [fault.key or "its text" for fault in still_open if fault.file == file]
        note(f"open: {file}: {', '.join(fields)}")
    if still_open:
        note("the gate statements waits for people to write what is open: goldenpath statements")
    for warning in later:
        note(f"warning: a gate will stay closed: {warning}")
    if faults:
        note(f"{len(faults)} fault{'s' if len(faults) > 1 else ''}")
        sys.exit(InvalidInput.exit_code)
