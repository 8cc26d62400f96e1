"""The training that `goldenpath build` runs: from the pinned data to a model and its evidence."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

FEATURES = ("amount", "hour", "place", "pictures")
TEAMS = ("collision", "glass", "theft")
"""In the order of the probabilities, which is that of scikit-learn: sorted."""
EVALUATION_SHARE = 0.4


def train(
    data: Mapping[str, Path],
    output: Path,
    parameters: Mapping[str, bool | int | float | str],
    seed: int,
) -> None:
    """Fit a model of the teams, and write the graph and both tables into `output`.

    `sample`, if above 0, trains and evaluates on that many claims only.
    """
    table = pq.read_table(data["claims"])
    order = np.random.default_rng(seed).permutation(table.num_rows)
    cut = round(table.num_rows * EVALUATION_SHARE)
    training, evaluation = table.take(np.sort(order[cut:])), table.take(np.sort(order[:cut]))
    if sample := int(parameters.get("sample", 0)):
        training, evaluation = training.slice(0, sample), evaluation.slice(0, sample)
    model = Pipeline(
        [
            ("scale", StandardScaler()),
            ("model", LogisticRegression(C=float(parameters["strength"]), max_iter=1000)),
        ]
    )
    model.fit(rows_of(training), np.array(training["team"].to_pylist()))
    graph = convert_sklearn(
        model,
        name="claim-triage",
        initial_types=[("features", FloatTensorType([None, len(FEATURES)]))],
        target_opset={"": 18, "ai.onnx.ml": 3},
    )
    (output / "model.onnx").write_bytes(graph.SerializeToString(deterministic=True))
    _write(output / "reference.parquet", training, model)
    _write(output / "evaluation.parquet", evaluation, model)


def rows_of(table: pa.Table) -> npt.NDArray[np.float32]:
    """The features as 32-bit floats, in the order of the contract."""
    return np.column_stack([table[name].to_numpy() for name in FEATURES]).astype(np.float32)


def _write(path: Path, table: pa.Table, model: Pipeline) -> None:
    columns = {
        "key": table["claim"],
        "target": table["team"],
        "score": pa.array(model.predict_proba(rows_of(table)).tolist()),
        "channel": table["channel"],
        **{name: table[name] for name in FEATURES},
    }
    pq.write_table(pa.table(columns), path, compression="zstd")
