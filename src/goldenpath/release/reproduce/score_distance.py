"""The distance between the scores of two releases, each run as it would be served."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from goldenpath.processes.confinement import Confinement, confine
from goldenpath.project.spec import Project
from goldenpath.project.task.answer_rules import AnswerRules
from goldenpath.release.artifact.layers import MODELS
from goldenpath.release.artifact.pack import CODE, PLATFORM_FOLDER, RUNTIME, WHEELS
from goldenpath.settings import training_environment
from goldenpath.train.environment.rebuild import rebuild_environment
from goldenpath.train.environment.runtime import parse_runtime
from goldenpath.train.evaluation.score import onnx_scorer
from goldenpath.train.python_content import served_model

Table = Mapping[str, NDArray[np.generic]]
Files = Mapping[str, bytes]
"""Files of a release by path; every byte is verified."""


@dataclass(frozen=True, slots=True)
class ScoreDistance:
    """The differences between the scores of two models on the same rows."""

    rows: int
    largest: float
    mean: float
    decisions_changed: int
    """Rows that fall into another band, or without bands get another class or value."""


def is_served_from(project: Project, name: str) -> bool:
    """Whether the file `name` of a release can change its scores."""
    if project.contract.python is None:
        return not name.startswith(f"{PLATFORM_FOLDER}/")
    is_ours = name.startswith(f"{PLATFORM_FOLDER}/")
    return name.startswith((f"{CODE}/", f"{WHEELS}/")) or name == RUNTIME or not is_ours


def distance(
    project: Project,
    table: Table,
    then: Files,
    now: Files,
    *,
    work: Path,
    uv: str,
    tools: Mapping[str, str],
    confinement: Confinement | None = None,
) -> ScoreDistance:
    """Score `table` with both releases, in the folder `work`.

    A model that is code runs in an environment of its own wheels. Raises `Unavailable` if that
    cannot be made here, and `InvalidInput` if a model gives no scores.
    """
    sandbox = confinement or confine()
    before = _scores(
        project, table, then, work / "released", uv=uv, tools=tools, confinement=sandbox
    )
    after = _scores(project, table, now, work / "repeated", uv=uv, tools=tools, confinement=sandbox)
    gaps = np.abs(before - after)
    changed = AnswerRules(project.contract).differs(before, after)
    return ScoreDistance(len(gaps), float(gaps.max()), float(gaps.mean()), int(changed.sum()))


def _scores(
    project: Project,
    table: Table,
    files: Files,
    place: Path,
    *,
    uv: str,
    tools: Mapping[str, str],
    confinement: Confinement,
) -> NDArray[np.float64]:
    contract = project.contract
    place.mkdir(parents=True)
    if contract.python is None:
        named = {path: each for path, each in files.items() if is_served_from(project, path)}
        _write(named, MODELS, place)
        return onnx_scorer(place / "model.onnx", contract)(table)
    runtime = parse_runtime(files[RUNTIME])
    _write(files, CODE, place / "code")
    _write(files, WHEELS, place / "wheels")
    _write({f"{MODELS}/{name}": files[f"{MODELS}/{name}"] for name in runtime.files}, MODELS,
           place / "model")  # fmt: skip
    python = rebuild_environment(
        runtime, place / "wheels", place / "environment", uv=uv, environment=tools, compiled=False,
        confinement=confinement,
    )  # fmt: skip
    seen = training_environment(tools, place, project.training.threads)
    with served_model(
        contract, contract.python, place, python, environment=seen, confinement=confinement
    ) as score:
        return score(table)


def _write(files: Files, folder: str, to: Path) -> None:
    """Write the files below `folder`. Paths of a verified release stay inside it."""
    for name, content in files.items():
        if name.startswith(f"{folder}/"):
            path = to / name.removeprefix(f"{folder}/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
