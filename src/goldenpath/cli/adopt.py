"""`goldenpath adopt`: start a project from a model that was trained elsewhere, and a table."""

from pathlib import Path

import click

from goldenpath import compose
from goldenpath.cli.adoption_flags import wish_options
from goldenpath.cli.output import Format, note, output_option, show
from goldenpath.cli.parameters import READABLE
from goldenpath.project.scaffold import ADOPTED, create
from goldenpath.project.task.feature_names import model_name
from goldenpath.train.adoption.adopted_contract import AdoptionWish
from goldenpath.train.adoption.adopted_project import read_adoption


@click.command()
@click.argument("model", type=READABLE)
@click.option("--rows", type=READABLE, required=True, help="Parquet, Arrow, CSV or JSON: the rows.")
@click.option("--name", help="The name of the model; default: that of the file.")
@click.option("--into", type=click.Path(path_type=Path, file_okay=False), help="The new folder.")
@wish_options
@output_option
def verb(
    model: Path, rows: Path, name: str | None, into: Path | None, output: Format, **wish: object
) -> None:
    """Start a project from MODEL, an ONNX file that was trained elsewhere, and a table.

    The declaration is written from the data: features, ranges, categories and tensors. What people
    have to judge stays empty. The build scores the rows with the model and trains nothing.
    """
    called = name or model_name(model.stem)
    adoption = read_adoption(
        AdoptionWish(name=called, model=model, rows=rows, **wish),  # type: ignore[arg-type]
        note,
    )
    folder = create(
        called,
        (into or Path(called)).absolute(),
        uv=compose.uv(),
        now=compose.now(),
        environment=compose.tools(),
        template=ADOPTED,
        report=note,
        fill=adoption.write,
    )
    contract = adoption.adopted.contract
    text = (
        f"{folder} is ready: {len(contract.features)} features, task {contract.task}\n"
        "goldenpath.toml was written from the rows: read it before you rely on it\n"
        f"next: cd {into or called} && goldenpath build"
    )
    made = {
        "name": called,
        "folder": str(folder),
        "task": contract.task,
        "features": [feature.name for feature in contract.features],
        "classes": list(contract.classes),
    }
    show(made, text, output)
