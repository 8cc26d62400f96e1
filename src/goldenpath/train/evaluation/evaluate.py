"""Evaluates a packaged model on the tables that the training wrote, overall and per slice."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from goldenpath.drift.reference_profile import ReferenceTimes
from goldenpath.errors import InvalidInput
from goldenpath.project.number_text import number_text
from goldenpath.project.slicing import slices
from goldenpath.project.spec import EVALUATION, REFERENCE, Contract, Project
from goldenpath.project.task.answer_rules import AnswerRules
from goldenpath.project.task.feature_parts import declared_names
from goldenpath.train.data.dataset import read_parquet
from goldenpath.train.data.distinct_values import (
    LabelledRows,
    count_distinct,
    count_shared,
    labelled_rows,
)
from goldenpath.train.data.number_columns import read_numbers
from goldenpath.train.data.part_columns import with_parts
from goldenpath.train.data.table_file import Column
from goldenpath.train.evaluation.evaluation_rows import render_rows
from goldenpath.train.evaluation.golden import make_golden
from goldenpath.train.evaluation.robustness import Trial, robustness, sampled
from goldenpath.train.evaluation.score import Numbers, Scorer, Table, column_of
from goldenpath.train.evaluation.score_difference import ScoreDifference, score_difference
from goldenpath.train.evaluation.task_metrics import EvaluatedRows, task_metrics
from goldenpath.train.training_run import Golden, Metric

Floats = NDArray[np.float64]

KEY, TARGET, SCORE, TIME = "key", "target", "score", "time"
_OTHERS = (KEY, TARGET, SCORE, TIME)
MAX_GROUPS = 50
"""Largest number of values of one slice. A column with more is not meant as a slice."""


@dataclass(frozen=True, slots=True)
class ReferenceRows:
    """The rows from which the drift reference is made.

    The features are those of the training rows. The scores are the packaged model's scores of the
    evaluation rows: a model that is overfitted gives its training rows scores as no others.
    """

    table: Table
    scores: Floats
    """What the drift monitor counts: scores, values, or positions of classes."""
    times: ReferenceTimes | None
    """When the rows are from; None unless both tables have a column `time`."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The evaluation of one training."""

    metrics: tuple[Metric, ...]
    reference: ReferenceRows
    rows_trained: int
    rows_evaluated: int
    largest_skew: float
    """Largest difference between the training's answers and those of the packaged model."""
    is_compared: bool
    """Whether there were answers to compare; a given model may come without any."""
    shared_keys: int | None
    """Number of keys in both tables; None if the training rows have no column `key`."""
    repeated_keys: int
    """Number of training rows whose key occurs in an earlier row."""
    score_difference: ScoreDifference
    """How the scores of the training rows differ from those of the evaluation rows."""
    rows: bytes
    """The evaluation rows for the release."""
    golden: Golden
    """Made-up rows with the packaged model's scores, for a check when the model is loaded."""


@dataclass(frozen=True, slots=True, eq=False)
class ScoredOutputs:
    """Both tables of a training, and what the packaged model answers to their rows."""

    reference: "_Scored"
    held_out: "_Scored"
    target: Floats

    @property
    def skews(self) -> tuple[float, ...]:
        """The largest difference to the training's own answers, for each table that has them."""
        found = (self.reference.skew, self.held_out.skew)
        return tuple(skew for skew in found if skew is not None)


@dataclass(frozen=True, slots=True, eq=False)
class _Scored:
    """One table: its features as numbers, what else it has, and the answers to its rows."""

    columns: Table
    rest: pa.Table
    scores: Numbers
    skew: float | None
    """The largest difference to the training's own answers; None without any to compare."""


def scored_outputs(project: Project, outputs: Path, score: Scorer) -> ScoredOutputs:
    """Return the tables of a training with the packaged model's answers to them.

    Raises `InvalidInput` if an output file is missing, lacks a column, or has NaN or infinity where
    a number is required.
    """
    for name in (REFERENCE, EVALUATION):
        refuse_missing(outputs, name)
    read = {name: _read(project, outputs / name) for name in (REFERENCE, EVALUATION)}
    _require(read[EVALUATION].names, (KEY, TARGET, *project.slices), EVALUATION)
    # Each table is handed over, so that a column is gone once its numbers are there.
    reference = _scored(project, read.pop(REFERENCE), score, REFERENCE)
    held_out = _scored(project, read.pop(EVALUATION), score, EVALUATION)
    return ScoredOutputs(reference, held_out, _target(project.contract, held_out.rest))


@dataclass(frozen=True, slots=True, eq=False)
class _Read:
    """A table as a training wrote it: features that are numbers already, and the rest."""

    numbers: Mapping[str, NDArray[np.float64]]
    rest: pa.Table

    @property
    def names(self) -> frozenset[str]:
        return frozenset({*self.numbers, *self.rest.column_names})


def _read(project: Project, path: Path) -> _Read:
    features = {feature.name for feature in project.contract.features if not feature.texts}
    numbers = read_numbers(path, features)
    others = {*(feature.name for feature in project.contract.features), *_OTHERS, *project.slices}
    wanted = (others | set(declared_names(project.contract))) - set(numbers)
    wanted |= {*_OTHERS, *project.slices}
    return _Read(numbers, with_parts(read_parquet(path, wanted), project.contract))


def evaluate(project: Project, outputs: Path, score: Scorer) -> Evaluation:
    """Return the evaluation of the packaged model. Raises as `scored_outputs` does."""
    scored = scored_outputs(project, outputs, score)
    reference, held_out, target = scored.reference.rest, scored.held_out.rest, scored.target
    columns, before, scores = (
        scored.reference.columns,
        scored.reference.scores,
        scored.held_out.scores,
    )
    rules = AnswerRules(project.contract)
    first, unseen = (np.asarray(rules.monitored(each), np.float64) for each in (before, scores))
    return Evaluation(
        metrics=(
            *_metrics(project, scored.held_out, target),
            *_robustness(project.contract, score, scored.held_out.columns, columns),
        ),
        reference=ReferenceRows(columns, unseen, _times(reference, held_out)),
        score_difference=score_difference(first, unseen),
        golden=make_golden(project.contract, columns, score),
        rows_trained=reference.num_rows,
        rows_evaluated=held_out.num_rows,
        largest_skew=max(scored.skews, default=0.0),
        is_compared=bool(scored.skews),
        shared_keys=_shared_keys(reference, held_out),
        repeated_keys=_repeated_keys(reference),
        rows=render_rows(
            held_out[KEY].to_pylist(),
            target,
            scores,
            {name: _labels(held_out, name).rows() for name in project.slices},
        ),
    )


def refuse_missing(outputs: Path, name: str) -> None:
    """Raise `InvalidInput` unless the training wrote this file."""
    if not (outputs / name).is_file():
        raise InvalidInput(f"the training wrote no {name}: expected it in its output folder")


def columns_of(path: Path, contract: Contract) -> Table:
    """Return the features of a table that the training wrote, as numbers.

    Raises `InvalidInput` if a column is missing.
    """
    table = with_parts(read_parquet(path), contract)
    names = [feature.name for feature in contract.features]
    _require(table.column_names, names, path.name)
    return _features(table, contract)


def _features(table: pa.Table, contract: Contract) -> Table:
    return {
        feature.name: column_of(feature, _column(table, feature.name))
        for feature in contract.features
    }


def _target(contract: Contract, table: pa.Table) -> Floats:
    """Return the target of each row: 0 or 1, the position of its class, or its value."""
    if contract.task == "classes":
        known = {name: float(place) for place, name in enumerate(contract.classes)}
        labels = _labels(table, TARGET)
        places = np.array([known.get(name, np.nan) for name in labels.names])[labels.codes]
        unknown = np.flatnonzero(np.isnan(places))
        if len(unknown):
            name = labels.names[labels.codes[unknown[0]]]
            raise InvalidInput(
                f"{EVALUATION} has the target {name[:60]!r}: expected one of "
                f"{', '.join(contract.classes)[:200]}"
            )
        return places
    target = _numbers(table, TARGET, EVALUATION)
    if contract.task == "probability" and not np.isin(target, (0.0, 1.0)).all():
        raise InvalidInput(
            f"{EVALUATION} has targets other than 0 and 1",
            hint='declare task = "value" or task = "classes" in [contract] for another target',
        )
    return target


def _scores(contract: Contract, table: pa.Table, file: str) -> Numbers:
    """Return what the training wrote as the answers of its model."""
    width = AnswerRules(contract).width
    if contract.task != "classes":
        return _numbers(table, SCORE, file)[:, None]
    vectors = _vectors_of(table[SCORE], width)
    if vectors is not None:
        return vectors
    listed = table[SCORE].to_pylist()
    row = next((row for row, each in enumerate(listed) if not _is_vector(each, width)), None)
    if row is not None:
        raise InvalidInput(
            f"{file} has in row {row} the score {str(listed[row])[:60]}: expected a list of "
            f"{width} probabilities, in the order of contract.classes"
        )
    return np.array(listed, np.float64)


def _vectors_of(column: Column, width: int) -> Numbers | None:
    """Return the lists of a column as a matrix; None unless each has `width` numbers."""
    kind = column.type
    if not (pa.types.is_list(kind) and pa.types.is_floating(kind.value_type)) or column.null_count:
        return None
    if (np.asarray(pc.list_value_length(column).to_numpy()) != width).any():
        return None
    flat = np.asarray(pc.list_flatten(column).to_numpy(), np.float64)
    return None if np.isnan(flat).any() else flat.reshape(-1, width)


def _is_vector(value: object, width: int) -> bool:
    return (
        isinstance(value, list)
        and len(value) == width
        and all(isinstance(number, float | int) and number == number for number in value)
    )


def _scored(project: Project, read: _Read, score: Scorer, file: str) -> _Scored:
    """Return the packaged model's answers, and their largest difference to the training's.

    A difference counts in the unit of the answer, or as a share of answers that are larger than 1.
    There is none if a model was given without answers to compare.
    """
    contract = project.contract
    names = [feature.name for feature in contract.features]
    is_needed = project.training.given is None or bool(project.training.given.score)
    _require(read.names, (*((SCORE,) if is_needed else ()), *names), file)
    table, numbers = read.rest, read.numbers
    del read
    if not table.num_rows:
        raise InvalidInput(f"{file} has no rows")
    kept, columns = {*_OTHERS, *project.slices}, dict[str, NDArray[np.floating]]()
    for feature in contract.features:
        name = feature.name
        found = numbers[name] if name in numbers else _column(table, name)
        columns[name] = column_of(feature, found)
        values = np.asarray(columns[feature.name], np.float64)
        is_invalid = np.isinf(values) if feature.missing else ~np.isfinite(values)
        if is_invalid.any():
            raise InvalidInput(f"{file} has a {feature.name!r} that is not a number")
        if feature.name not in kept and feature.name not in numbers:
            table = table.drop_columns([feature.name])
    scores = score(columns)
    if not is_needed:
        return _Scored(columns, table, scores, None)
    written = _scores(contract, table, file)
    distances = np.abs(scores - written) / np.maximum(np.abs(scores), 1.0)
    return _Scored(columns, table, scores, float(distances.max()))


def _metrics(project: Project, held_out: _Scored, target: Floats) -> Iterator[Metric]:
    groups = _groups(held_out.rest, project.slices)
    for name, rows in chain(groups, _contract_groups(project, held_out.columns)):
        answered = EvaluatedRows(project.contract, target[rows], held_out.scores[rows])
        for metric, estimate in task_metrics(answered):
            yield Metric(metric, estimate.value, estimate.low, estimate.high, len(rows), name)


def _robustness(
    contract: Contract, score: Scorer, held_out: Table, reference: Table
) -> Iterator[Metric]:
    # Of millions of rows a sample is tested, so no other row needs to be a wider number.
    tested = {name: sampled(values) for name, values in held_out.items()}
    scale = {name: np.asarray(values, np.float64) for name, values in reference.items()}
    rows = len(next(iter(tested.values())))
    for name, estimate in robustness(Trial(score, contract, tested, scale)):
        yield Metric(name, estimate.value, estimate.low, estimate.high, rows)


def _groups(table: pa.Table, slices: Sequence[str]) -> Iterator[tuple[str, NDArray[np.int64]]]:
    yield "", np.arange(table.num_rows)
    for column in slices:
        labels = _labels(table, column)
        if len(labels.names) > MAX_GROUPS:
            raise InvalidInput(
                f"slice {column!r} has {len(labels.names)} values: expected at most {MAX_GROUPS}"
            )
        for code, value in enumerate(labels.names):
            yield f"{column}={value}", np.flatnonzero(labels.codes == code)


def _contract_groups(project: Project, columns: Table) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """Yield the intervals of numbers in the contract, which the canary judge compares as well."""
    for group in slices(project.contract):
        if group.feature in project.slices:
            continue  # `_groups` yields each value of these columns
        values = columns[group.feature].astype(np.float32)
        inside = (values >= np.float32(group.low)) & (values < np.float32(group.high))
        if project.contract.features[group.column].slices and inside.any():
            yield f"{group.feature}={group.label}", np.flatnonzero(inside)


def _labels(table: pa.Table, column: str) -> LabelledRows:
    return labelled_rows(table[column], _label)


def _label(value: object) -> str:
    if value is None:
        return "missing"
    return number_text(value) if isinstance(value, float) else str(value)


def _shared_keys(reference: pa.Table, held_out: pa.Table) -> int | None:
    if KEY not in reference.column_names:
        return None
    return count_shared(reference[KEY], held_out[KEY])


def _repeated_keys(reference: pa.Table) -> int:
    if KEY not in reference.column_names:
        return 0
    return reference.num_rows - count_distinct(reference[KEY])


def _require(present: Collection[str], names: Sequence[str], file: str) -> None:
    missing = [name for name in names if name not in present]
    if missing:
        raise InvalidInput(f"{file} lacks the columns {', '.join(missing)}")


def _numbers(table: pa.Table, name: str, file: str) -> Floats:
    values = np.asarray(_column(table, name), np.float64)
    if not np.isfinite(values).all():
        raise InvalidInput(f"{file} has a {name!r} that is not a number")
    return values


def _times(reference: pa.Table, held_out: pa.Table) -> ReferenceTimes | None:
    features, scores = _seconds(reference, REFERENCE), _seconds(held_out, EVALUATION)
    return None if features is None or scores is None else ReferenceTimes(features, scores)


def _seconds(table: pa.Table, file: str) -> NDArray[np.int64] | None:
    """Return the times of the rows in seconds since 1970; None if the table has none."""
    if TIME not in table.column_names:
        return None
    column = table[TIME]
    if not (pa.types.is_timestamp(column.type) or pa.types.is_date(column.type)):
        raise InvalidInput(f"{file} has a {TIME!r} of type {column.type}: expected a date or time")
    if column.null_count:
        raise InvalidInput(f"{file} has rows without a {TIME!r}")
    moments: NDArray[np.int64] = column.to_numpy().astype("M8[s]").astype(np.int64)
    return moments


def _column(table: pa.Table, name: str) -> NDArray[np.generic]:
    values: NDArray[np.generic] = table[name].to_numpy()
    return values
