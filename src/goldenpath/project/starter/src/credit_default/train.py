"""The training that `goldenpath build` runs: from the pinned data to a model and its evidence."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from credit_default.export import FILE, export, score
from credit_default.model import fit
from credit_default.panel import FEATURES, MONTHS, Month, read_month, split

TOLERANCE = 1e-5
"""Largest difference between pipeline and exported model that rounding explains."""

EVALUATION_SHARE = 0.2


def train(
    data: Mapping[str, Path],
    output: Path,
    parameters: Mapping[str, bool | int | float | str],
    seed: int,
) -> None:
    """Learn from April alone, so that every month after it is new to the model.

    Write the model, `reference.parquet` (the training rows with their scores) and
    `evaluation.parquet` (held-out clients) into `output`. The parameter `kind` chooses the model;
    `sample`, if above 0, trains on that many clients only.
    """
    month = read_month(data["clients"], MONTHS[0])
    training, evaluation = split(month, evaluation=EVALUATION_SHARE, seed=seed)
    sample = int(parameters.get("sample", 0))
    if sample:
        training, evaluation = _first(training, sample), _first(evaluation, sample)
    pipeline = fit(str(parameters["kind"]), training.features, training.target, seed)
    export(pipeline, output / FILE)

    scores = np.asarray(pipeline.predict_proba(training.features)[:, 1], np.float64)
    difference = float(np.abs(scores - score(output / FILE, training.features)).max())
    if not difference <= TOLERANCE:
        raise ValueError(f"export differs by {difference:.2g}: expected at most {TOLERANCE}")
    _write(output / "reference.parquet", training, scores)
    held_out = np.asarray(pipeline.predict_proba(evaluation.features)[:, 1], np.float64)
    _write(output / "evaluation.parquet", evaluation, held_out)


def _first(month: Month, rows: int) -> Month:
    return month.take(np.arange(min(rows, len(month))))


def _write(path: Path, month: Month, scores: npt.NDArray[np.float64]) -> None:
    columns = {
        "key": pa.array(month.client),
        "target": pa.array(month.target, pa.int8()),
        "score": pa.array(scores),
        "sex": pa.array(month.sex.tolist()),
        "age_band": pa.array(month.age_band.tolist()),
    }
    for position, name in enumerate(FEATURES):
        columns[name] = pa.array(month.features[:, position])
    pq.write_table(pa.table(columns), path, compression="zstd")
