"""The training that `goldenpath build` runs: from the pinned data to a model and its evidence."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from motor_premium.tariff import Tariff, design_of, export, fit

EVALUATION_SHARE = 0.4


def train(
    data: Mapping[str, Path],
    output: Path,
    parameters: Mapping[str, bool | int | float | str],
    seed: int,
) -> None:
    """Fit the tariff, and write the graph and both tables into `output`.

    `sample`, if above 0, trains and evaluates on that many policies only.
    """
    table = pq.read_table(data["policies"])
    order = np.random.default_rng(seed).permutation(table.num_rows)
    cut = round(table.num_rows * EVALUATION_SHARE)
    training, evaluation = table.take(np.sort(order[cut:])), table.take(np.sort(order[:cut]))
    if sample := int(parameters.get("sample", 0)):
        training, evaluation = training.slice(0, sample), evaluation.slice(0, sample)
    tariff = fit(_design(training), training["cost"].to_numpy(), int(parameters["rounds"]))
    export(tariff, output / "model.onnx")
    _write(output / "reference.parquet", training, tariff)
    _write(output / "evaluation.parquet", evaluation, tariff)


def _design(table: pa.Table) -> np.ndarray:
    numbers = (table[name].to_numpy() for name in ("age", "power"))
    return design_of(*numbers, table["vehicle"].to_pylist(), table["territory"].to_pylist())


def _write(path: Path, table: pa.Table, tariff: Tariff) -> None:
    bands = np.array(["under 30", "30 to 59", "60 and over"])
    columns = {
        "key": table["policy"],
        "target": table["cost"],
        "score": pa.array(tariff.cost(_design(table))),
        "age_band": pa.array(bands[np.digitize(table["age"].to_numpy(), (30, 60))].tolist()),
        **{name: table[name] for name in ("age", "power", "vehicle", "territory")},
    }
    pq.write_table(pa.table(columns), path, compression="zstd")
