"""`goldenpath adopt`: start a project from a model or a training that exists, and a table."""

from pathlib import Path

import click

from goldenpath import compose
from goldenpath.cli.adoption_flags import wish_options
from goldenpath.cli.output import Format, note, output_option, show
from goldenpath.cli.parameters import READABLE
from goldenpath.project.scaffold import create
from goldenpath.project.task.feature_parts import declared_names
from goldenpath.train.adoption.adopted_contract import AdoptionWish
from goldenpath.train.adoption.adopting import read_adoption, template_of
from goldenpath.train.adoption.mlflow_model import fetched, name_of


@click.command()
@click.argument("model")
@click.option("--rows", type=READABLE, required=True, help="Parquet, Arrow, CSV or JSON: the rows.")
@click.option("--name", help="The name of the model; default: that of the file.")
@click.option("--into", type=click.Path(path_type=Path, file_okay=False), help="The new folder.")
@wish_options
@output_option
def verb(
    model: str, rows: Path, name: str | None, into: Path | None, output: Format, **wish: object
) -> None:
    """Start a project from MODEL, which exists already, and a table.

    MODEL is an ONNX file; a model of LightGBM or XGBoost; a pickle of those or of scikit-learn;
    what MLflow keeps (a folder, models:/NAME/VERSION, runs:/ID/PATH); or a training script or
    notebook. Foreign code runs in a sandbox.

    The declaration is written from the data: features, ranges, categories and tensors. What people
    have to judge stays empty. The build of a given model scores the rows and trains nothing.
    """
    called = name or name_of(model)
    with fetched(model, compose.tools()) as file:
        wished = AdoptionWish(name=called, model=file, rows=rows, **wish)  # type: ignore[arg-type]
        adoption = read_adoption(wished, compose.uv_tools, note)
    folder = create(
        called,
        (into or Path(called)).absolute(),
        uv=compose.uv(),
        now=compose.now(),
        environment=compose.tools(),
        template=template_of(adoption),
        report=note,
        fill=adoption.write,
    )
    contract = adoption.contract
    text = (
        f"{folder} is ready: {len(declared_names(contract))} features, task {contract.task}\n"
        "goldenpath.toml was written from the rows: read it before you rely on it\n"
        f"next: cd {into or called} && goldenpath build"
    )
    made = {
        "name": called,
        "folder": str(folder),
        "task": contract.task,
        "features": declared_names(contract),
        "classes": list(contract.classes),
    }
    show(made, text, output)
