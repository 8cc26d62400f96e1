"""`goldenpath new`: a project that already trains, tests, packs, serves and monitors."""

from pathlib import Path

import click

from goldenpath import wire
from goldenpath.cli.output import Format, note, output_option, show
from goldenpath.project.scaffold import TEMPLATES, create


@click.command()
@click.argument("name")
@click.option(
    "--template",
    type=click.Choice(sorted(TEMPLATES)),
    default="credit-default",
    show_default=True,
    help="What to start from.",
)
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder to make; NAME in this one otherwise.",
)
@output_option
def verb(name: str, template: str, into: Path | None, output: Format) -> None:
    """Start a model project that already trains, packs, serves and monitors."""
    folder = create(
        name,
        (into or Path(name)).absolute(),
        uv=wire.uv(),
        now=wire.now(),
        environment=wire.tools(),
        template=template,
        report=note,
    )
    text = f"{folder} is ready\nnext: cd {into or name} && goldenpath build"
    show({"name": name, "folder": str(folder), "template": template}, text, output)
