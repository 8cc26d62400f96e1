"""Evaluates a packaged model on the tables that the training wrote, overall and per slice."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from goldenpath.errors import InvalidInput
from goldenpath.project.number_text import number_text
from goldenpath.project.slicing import slices
from goldenpath.project.spec import EVALUATION, REFERENCE, Contract, Project
from goldenpath.train.data.dataset import read_parquet
from goldenpath.train.evaluation.decision_bands import accepted
from goldenpath.train.evaluation.evaluation_rows import render_rows
from goldenpath.train.evaluation.golden import make_golden
from goldenpath.train.evaluation.metrics import every_metric
from goldenpath.train.evaluation.robustness import MAX_ROWS, Trial, robustness
from goldenpath.train.evaluation.score import Scorer
from goldenpath.train.training_run import Golden, Metric

Floats = NDArray[np.float64]

KEY, TARGET, SCORE = "key", "target", "score"
MAX_GROUPS = 50
"""Largest number of values of one slice. A column with more is not meant as a slice."""


@dataclass(frozen=True, slots=True)
class ReferenceRows:
    """The features of the training rows, and the packaged model's scores of them."""

    table: Mapping[str, NDArray[np.generic]]
    scores: Floats


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The evaluation of one training."""

    metrics: tuple[Metric, ...]
    reference: ReferenceRows
    rows_trained: int
    rows_evaluated: int
    largest_skew: float
    """Largest difference between the training's scores and those of the packaged model."""
    shared_keys: int | None
    """Number of keys in both tables; None if the training rows have no column `key`."""
    repeated_keys: int
    """Number of training rows whose key occurs in an earlier row."""
    rows: bytes
    """The evaluation rows for the release."""
    golden: Golden
    """Made-up rows with the packaged model's scores, for a check when the model is loaded."""


def evaluate(project: Project, outputs: Path, score: Scorer) -> Evaluation:
    """Return the evaluation of the packaged model, whose scores `score` returns.

    Raises `InvalidInput` if an output file is missing, lacks a column, or has NaN or infinity where
    a number is required.
    """
    for name in (REFERENCE, EVALUATION):
        refuse_missing(outputs, name)
    reference = read_parquet(outputs / REFERENCE)
    held_out = read_parquet(outputs / EVALUATION)
    _require(held_out, (KEY, TARGET, *project.slices), EVALUATION)
    before, trained = _scored(project.contract, reference, score, REFERENCE)
    scores, evaluated = _scored(project.contract, held_out, score, EVALUATION)
    target = _numbers(held_out, TARGET, EVALUATION)
    if not np.isin(target, (0.0, 1.0)).all():
        raise InvalidInput(f"{EVALUATION} has targets other than 0 and 1")
    names = [feature.name for feature in project.contract.features]
    columns = {name: _column(reference, name) for name in names}
    return Evaluation(
        metrics=(
            *_metrics(project, held_out, target, scores),
            *_robustness(project.contract, score, held_out, reference),
        ),
        reference=ReferenceRows(columns, before),
        golden=make_golden(project.contract, columns, score),
        rows_trained=reference.num_rows,
        rows_evaluated=held_out.num_rows,
        largest_skew=max(trained, evaluated),
        shared_keys=_shared_keys(reference, held_out),
        repeated_keys=_repeated_keys(reference),
        rows=render_rows(
            held_out[KEY].to_pylist(),
            target,
            scores,
            {name: _labels(held_out, name) for name in project.slices},
        ),
    )


def refuse_missing(outputs: Path, name: str) -> None:
    """Raise `InvalidInput` unless the training wrote this file."""
    if not (outputs / name).is_file():
        raise InvalidInput(f"the training wrote no {name}: expected it in its output folder")


def columns_of(path: Path, contract: Contract) -> Mapping[str, NDArray[np.generic]]:
    """Return the features of a table that the training wrote.

    Raises `InvalidInput` if a column is missing.
    """
    table = read_parquet(path)
    names = [feature.name for feature in contract.features]
    _require(table, names, path.name)
    return {name: _column(table, name) for name in names}


def _scored(contract: Contract, table: pa.Table, score: Scorer, file: str) -> tuple[Floats, float]:
    """Return the packaged model's scores, and their largest difference to the training's scores."""
    names = [feature.name for feature in contract.features]
    _require(table, (SCORE, *names), file)
    if not table.num_rows:
        raise InvalidInput(f"{file} has no rows")
    for feature in contract.features:
        values = np.asarray(_column(table, feature.name), np.float64)
        is_invalid = np.isinf(values) if feature.missing else ~np.isfinite(values)
        if is_invalid.any():
            raise InvalidInput(f"{file} has a {feature.name!r} that is not a number")
    scores = score({name: _column(table, name) for name in names})
    return scores, float(np.abs(scores - _numbers(table, SCORE, file)).max())


def _metrics(project: Project, table: pa.Table, target: Floats, scores: Floats) -> Iterator[Metric]:
    cuts = [band.below for band in project.contract.decision.bands[:-1]]
    for name, rows in chain(_groups(table, project.slices), _contract_groups(project, table)):
        accept = accepted(project.contract.decision, scores[rows])
        for metric, estimate in every_metric(target[rows], scores[rows], cuts, accept):
            yield Metric(metric, estimate.value, estimate.low, estimate.high, len(rows), name)


def _robustness(
    contract: Contract, score: Scorer, held_out: pa.Table, reference: pa.Table
) -> Iterator[Metric]:
    tables = [
        {
            feature.name: np.asarray(_column(table, feature.name), np.float64)
            for feature in contract.features
        }
        for table in (held_out, reference)
    ]
    rows = min(held_out.num_rows, MAX_ROWS)
    for name, estimate in robustness(Trial(score, contract, *tables)):
        yield Metric(name, estimate.value, estimate.low, estimate.high, rows)


def _groups(table: pa.Table, slices: Sequence[str]) -> Iterator[tuple[str, NDArray[np.int64]]]:
    yield "", np.arange(table.num_rows)
    for column in slices:
        labels = np.array(_labels(table, column))
        values = np.unique(labels)
        if len(values) > MAX_GROUPS:
            raise InvalidInput(
                f"slice {column!r} has {len(values)} values: expected at most {MAX_GROUPS}"
            )
        for value in values:
            yield f"{column}={value}", np.flatnonzero(labels == value)


def _contract_groups(project: Project, table: pa.Table) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """Yield the intervals of numbers in the contract, which the canary judge compares as well."""
    for group in slices(project.contract):
        if group.feature in project.slices:
            continue  # `_groups` yields each value of these columns
        values = np.asarray(_column(table, group.feature), np.float32)
        inside = (values >= np.float32(group.low)) & (values < np.float32(group.high))
        if project.contract.features[group.column].slices and inside.any():
            yield f"{group.feature}={group.label}", np.flatnonzero(inside)


def _labels(table: pa.Table, column: str) -> list[str]:
    return [_label(value) for value in table[column].to_pylist()]


def _label(value: object) -> str:
    if value is None:
        return "missing"
    return number_text(value) if isinstance(value, float) else str(value)


def _shared_keys(reference: pa.Table, held_out: pa.Table) -> int | None:
    if KEY not in reference.column_names:
        return None
    return len(set(reference[KEY].to_pylist()) & set(held_out[KEY].to_pylist()))


def _repeated_keys(reference: pa.Table) -> int:
    if KEY not in reference.column_names:
        return 0
    return reference.num_rows - len(set(reference[KEY].to_pylist()))


def _require(table: pa.Table, names: Sequence[str], file: str) -> None:
    missing = [name for name in names if name not in table.column_names]
    if missing:
        raise InvalidInput(f"{file} lacks the columns {', '.join(missing)}")


def _numbers(table: pa.Table, name: str, file: str) -> Floats:
    values = np.asarray(_column(table, name), np.float64)
    if not np.isfinite(values).all():
        raise InvalidInput(f"{file} has a {name!r} that is not a number")
    return values


def _column(table: pa.Table, name: str) -> NDArray[np.generic]:
    values: NDArray[np.generic] = table[name].to_numpy()
    return values
