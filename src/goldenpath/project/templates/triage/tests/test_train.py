"""The properties of the training that the platform relies on."""

from pathlib import Path

import numpy as np
import onnxruntime
import pyarrow.parquet as pq

from claim_triage.train import TEAMS, rows_of, train

DATA = {"claims": Path(__file__).parents[1] / "data" / "claims.parquet"}


def test_the_graph_gives_the_probabilities_of_the_training(tmp_path: Path) -> None:
    train(DATA, tmp_path, {"strength": 1.0, "sample": 500}, seed=1)

    table = pq.read_table(tmp_path / "evaluation.parquet")
    session = onnxruntime.InferenceSession((tmp_path / "model.onnx").read_bytes())
    (maps,) = session.run(["output_probability"], {"features": rows_of(table)})
    given = np.array([[each[team] for team in TEAMS] for each in maps])
    assert np.abs(given - np.array(table["score"].to_pylist())).max() < 1e-5
