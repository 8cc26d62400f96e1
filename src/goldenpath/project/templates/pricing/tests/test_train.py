"""The properties of the training that the platform relies on."""

from pathlib import Path

import numpy as np
import onnxruntime
import pyarrow.parquet as pq

from motor_premium.train import train

DATA = {"policies": Path(__file__).parents[1] / "data" / "policies.parquet"}


def test_the_graph_gives_the_costs_of_the_training(tmp_path: Path) -> None:
    train(DATA, tmp_path, {"rounds": 25, "sample": 500}, seed=1)

    table = pq.read_table(tmp_path / "evaluation.parquet")
    kinds = {"age": np.float32, "power": np.int64, "vehicle": object, "territory": object}
    inputs = {name: table[name].to_numpy().astype(kind)[:, None] for name, kind in kinds.items()}
    session = onnxruntime.InferenceSession((tmp_path / "model.onnx").read_bytes())
    (cost,) = session.run(["cost"], inputs)
    assert np.abs(cost[:, 0] / table["score"].to_numpy() - 1).max() < 1e-4


def test_stronger_engines_cost_more(tmp_path: Path) -> None:
    train(DATA, tmp_path, {"rounds": 25}, seed=1)

    table = pq.read_table(tmp_path / "evaluation.parquet")
    power, score = table["power"].to_numpy(), table["score"].to_numpy()
    assert score[power > 180].mean() > score[power < 80].mean()
