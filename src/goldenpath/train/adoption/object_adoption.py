"""Adopts a model object: as an ONNX graph if it gives the same answers, else as code and file."""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.project.spec import (
    MODEL,
    Contract,
    Feature,
    MonitorSettings,
    PythonModel,
    TaskKind,
)
from goldenpath.project.task.feature_names import feature_names
from goldenpath.train.adoption.adopted_contract import (
    AdoptedContract,
    AdoptionWish,
    adopted_contract,
    inferred_task,
    numbers_of,
    refuse_missing_columns,
    with_range,
    with_task,
)
from goldenpath.train.adoption.adopted_project import Adoption
from goldenpath.train.adoption.inferred_features import inferred_feature
from goldenpath.train.adoption.opened_object import MOST_ROWS, OpenedObject, open_object
from goldenpath.train.adoption.serving_code import SERVED, serving_code
from goldenpath.train.data.table_file import Column
from goldenpath.train.environment.uv_program import Uv
from goldenpath.train.evaluation.evaluation_checks import MAX_SKEW
from goldenpath.train.evaluation.onnx_graph import OnnxGraph
from goldenpath.train.evaluation.score import Numbers, run_model

ELSEWHERE = "score_elsewhere"
"""Column with what the object answered when it was adopted. Each build compares it."""


def adopted_object(
    wish: AdoptionWish, table: pa.Table, uv: Uv, report: Callable[[str], None]
) -> Adoption:
    """Open the object in a sandbox, and return how it is adopted.

    Raises `InvalidInput` if it cannot be opened or does not fit the rows.
    """
    refuse_missing_columns(table, wish)
    if table.num_rows > MOST_ROWS:
        report(f"WARNING: the first {MOST_ROWS} of {table.num_rows} rows are taken")
        table = table.slice(0, MOST_ROWS)
    with tempfile.TemporaryDirectory(prefix="goldenpath-object-") as scratch:
        opened = open_object(wish, table, Path(scratch), uv, report=report)
    if len(opened.scores) != table.num_rows:
        raise InvalidInput(
            f"the object gave {len(opened.scores)} answers for {table.num_rows} rows: "
            "expected one each"
        )
    task = wish.task or _task_of(opened, table[wish.target])
    answers = opened.scores if task == "classes" else opened.scores[:, -1:]
    listed = pa.array(answers.tolist() if task == "classes" else answers[:, 0].tolist())
    table = table.append_column(ELSEWHERE, listed)
    wish = replace(wish, features=opened.columns, task=task, score=ELSEWHERE)
    if opened.form == "onnx":
        reason, adopted = _as_graph(opened, table, wish, answers)
        if adopted is not None:
            report(f"the ONNX graph gives the answers of the object: {reason}")
            return Adoption(
                wish, adopted, table, opened.content, MODEL,
                source=_source(wish), versions=opened.versions,
            )  # fmt: skip
        if opened.otherwise is None:
            raise InvalidInput(f"the graph cannot be used: {reason}")
        opened = replace(opened.otherwise, reason=reason)
    return _as_code(opened, table, wish, answers, report=report)


def _task_of(opened: OpenedObject, target: Column) -> TaskKind:
    """Return the task by the outcomes, and by how many numbers the object answers."""
    task = inferred_task(target, opened.scores.shape[1])
    # A value may be few whole numbers too, such as counts: one number that is no probability.
    is_share = bool(((opened.scores >= 0) & (opened.scores <= 1)).all())
    return task if task != "probability" or is_share else "value"


def _as_graph(
    opened: OpenedObject, table: pa.Table, wish: AdoptionWish, answers: Numbers
) -> tuple[str, AdoptedContract | None]:
    """Return how the graph compares with the object, and its contract; none if it is of no use."""
    try:
        adopted = adopted_contract(opened.content, table, wish)
        contract = adopted.contract
        numbers = numbers_of(contract.features, adopted.columns, table)
        scores = run_model(OnnxGraph(opened.content, contract, MODEL), contract, numbers)
    except InvalidInput as error:
        return error.message, None
    distance = float((np.abs(scores - answers) / np.maximum(np.abs(scores), 1.0)).max())
    reason = f"they differ by up to {distance:.2g} in {len(answers)} rows"
    return reason, adopted if distance <= MAX_SKEW else None


def _as_code(
    opened: OpenedObject,
    table: pa.Table,
    wish: AdoptionWish,
    answers: Numbers,
    *,
    report: Callable[[str], None],
) -> Adoption:
    if opened.reason:
        report(f"it is no ONNX graph, because: {opened.reason}")
    if opened.form == "pickle":
        report(
            "WARNING: the object stays a pickle, which runs code when it is opened: the gate scan "
            f"of a stage refuses such a release. skops cannot write {', '.join(opened.types)[:300]}"
        )
    adopted = _code_contract(opened, table, wish, answers)
    method = "predict_proba" if opened.scores.shape[1] > 1 else "predict"
    code = serving_code(
        opened.form, adopted.contract.features, adopted.columns, method=method, types=opened.types
    )
    pinned = tuple(f"{name}=={opened.versions[name]}" for name in SERVED[opened.form])
    return Adoption(
        wish, adopted, table, opened.content, opened.file,
        source=_source(wish), code={"serve.py": code}, dependencies=pinned,
        versions=opened.versions,
    )  # fmt: skip


def _source(wish: AdoptionWish) -> str:
    digest = Digest.of(wish.model.read_bytes())
    return f"taken out of the file {wish.model.name} ({digest.text}), in a sandbox"


def _code_contract(
    opened: OpenedObject, table: pa.Table, wish: AdoptionWish, answers: Numbers
) -> AdoptedContract:
    names = feature_names(opened.columns)
    features = tuple(_feature(names[column], column, table, opened) for column in opened.columns)
    package = wish.name.replace("-", "_")
    draft = Contract(
        wish.name, features, output="answer", decision=None, monitor=MonitorSettings(),
        python=PythonModel(f"{package}.serve:load"),
    )  # fmt: skip
    target = table[wish.target]
    contract = with_task(draft, wish.task or "value", target)
    if contract.task == "classes":
        contract = _with_classes(contract, opened, answers)
    return AdoptedContract(with_range(contract, target, answers, wish.unit), opened.columns)


def _with_classes(contract: Contract, opened: OpenedObject, answers: Numbers) -> Contract:
    """Return the contract with the classes of the object, in its order."""
    width = answers.shape[1]
    if len(opened.classes) == width and {*contract.classes} <= {*opened.classes}:
        return replace(contract, classes=opened.classes)
    if len(contract.classes) != width:
        raise InvalidInput(
            f"the model knows {width} classes, and the rows show {len(contract.classes)}: "
            f"{', '.join(contract.classes)[:200]}",
            hint="give rows in which each class occurs",
        )
    return contract


def _feature(name: str, column: str, table: pa.Table, opened: OpenedObject) -> Feature:
    known = opened.categories.get(column)
    if known is None:
        return inferred_feature(name, table[column])
    # LightGBM numbers categories in the order in which pandas had them.
    return Feature(name, "category", categories=known, missing=True)
