"""`goldenpath new`: start a project that already trains, tests, packs, serves and monitors."""

from pathlib import Path

import click

from goldenpath import compose
from goldenpath.cli.output import Format, note, output_option, show
from goldenpath.errors import InvalidInput
from goldenpath.project.scaffold import FRAMEWORKS, TEMPLATES, create


@click.command()
@click.argument("name")
@click.option(
    "--template",
    type=click.Choice(list(TEMPLATES)),
    default="credit",
    show_default=True,
    help="; ".join(f"{name}: {each.about}" for name, each in TEMPLATES.items()) + ".",
)
@click.option(
    "--framework",
    type=click.Choice(list(FRAMEWORKS)),
    default="scikit-learn",
    show_default=True,
    help="; ".join(f"{name}: {each.about}" for name, each in FRAMEWORKS.items()) + ".",
)
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder to create; default: NAME in the working folder.",
)
@output_option
def verb(name: str, template: str, framework: str, into: Path | None, output: Format) -> None:
    """Start a model project that already trains, packs, serves and monitors."""
    refused = compose.name_refusal(compose.home(), name)
    if refused:
        raise InvalidInput(refused, hint="choose a shorter name")
    folder = create(
        name,
        (into or Path(name)).absolute(),
        uv=compose.uv(),
        now=compose.now(),
        environment=compose.tools(),
        template=template,
        framework=framework,
        report=note,
    )
    text = f"{folder} is ready\nnext: cd {into or name} && goldenpath build"
    made = {"name": name, "folder": str(folder), "template": template, "framework": framework}
    show(made, text, output)
