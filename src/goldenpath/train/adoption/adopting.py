"""Chooses how something that people bring is adopted: a graph, an object, or a training."""

from collections.abc import Callable
from dataclasses import replace

from goldenpath.errors import InvalidInput
from goldenpath.project.scaffold import ADOPTED, SCRIPT
from goldenpath.train.adoption.adopted_contract import AdoptionWish
from goldenpath.train.adoption.adopted_project import Adoption, adopted_graph
from goldenpath.train.adoption.mlflow_model import mlflow_model
from goldenpath.train.adoption.model_file import file_kind
from goldenpath.train.adoption.object_adoption import adopted_object
from goldenpath.train.adoption.script_adoption import ScriptAdoption, adopted_script
from goldenpath.train.adoption.training_script import is_script
from goldenpath.train.data.table_file import read_table
from goldenpath.train.environment.uv_program import Uv

MAX_MODEL = 2 * 1024 * 1024 * 1024
"""Bytes of the largest file; protocol buffers hold no more."""


def read_adoption(
    wish: AdoptionWish, uv: Callable[[], Uv], report: Callable[[str], None]
) -> Adoption | ScriptAdoption:
    """Read the model or its training, and the rows, and derive the contract.

    `uv` makes the environment in which foreign code runs. Raises `InvalidInput` if model and rows
    do not fit each other.
    """
    if is_script(wish.model):
        return adopted_script(wish, uv, report)
    report("reading the rows")
    table = read_table(wish.rows)
    report("reading the model")
    if wish.model.is_dir():
        kept = mlflow_model(wish.model)
        wish = replace(wish, model=kept.file, requirements=wish.requirements or kept.requirements)
    if wish.model.stat().st_size > MAX_MODEL:
        raise InvalidInput(f"{wish.model} is larger than {MAX_MODEL} bytes")
    with wish.model.open("rb") as file:
        head = file.read(4096)
    if file_kind(head) == "onnx":
        return adopted_graph(wish, table)
    return adopted_object(wish, table, uv(), report)


def template_of(adoption: Adoption | ScriptAdoption) -> str:
    """Return the template of the new project."""
    return SCRIPT if isinstance(adoption, ScriptAdoption) else ADOPTED
