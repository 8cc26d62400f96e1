"""The training that `goldenpath build` runs: from the pinned data to a model and its evidence."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
from onnx import TensorProto, helper, numpy_helper

FEATURES = ("amount",)


def train(
    data: Mapping[str, Path],
    output: Path,
    parameters: Mapping[str, bool | int | float | str],
    seed: int,
) -> None:
    """Fit a logistic regression, and write the graph and both tables into `output`."""
    table = pq.read_table(data["rows"])
    order = np.random.default_rng(seed).permutation(table.num_rows)
    if sample := int(parameters.get("sample", 0)):
        order = order[:sample]
    half = len(order) // 2
    training, evaluation = table.take(np.sort(order[half:])), table.take(np.sort(order[:half]))
    weight, bias = fit(training["amount"].to_numpy(), training["target"].to_numpy())
    (output / "model.onnx").write_bytes(graph(weight, bias))
    for name, part in (("reference", training), ("evaluation", evaluation)):
        odds = part["amount"].to_numpy().astype(np.float32) * weight + bias
        score = 1 / (1 + np.exp(-odds.astype(np.float64)))
        pq.write_table(part.append_column("score", pa.array(score)), output / f"{name}.parquet")


def fit(amount: np.ndarray, target: np.ndarray) -> tuple[np.float32, np.float32]:
    """Newton's method on the logarithmic loss."""
    design = np.column_stack([np.ones(len(amount)), amount / 1000])
    beta = np.zeros(2)
    for _ in range(20):
        chance = 1 / (1 + np.exp(-(design @ beta)))
        curvature = (design * (chance * (1 - chance))[:, None]).T @ design + 1e-6 * np.eye(2)
        beta += np.linalg.solve(curvature, design.T @ (target - chance))
    return np.float32(beta[1] / 1000), np.float32(beta[0])


def graph(weight: np.float32, bias: np.float32) -> bytes:
    """The regression as ONNX: one input of all features, one probability for each row."""
    nodes = [
        helper.make_node("Mul", ["features", "weight"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["odds"]),
        helper.make_node("Sigmoid", ["odds"], ["probability"]),
    ]
    constants = [
        numpy_helper.from_array(np.array([weight], np.float32), "weight"),
        numpy_helper.from_array(np.array([bias], np.float32), "bias"),
    ]
    made = helper.make_graph(
        nodes,
        "my-model",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["rows", len(FEATURES)])],
        [helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["rows", 1])],
        constants,
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString(deterministic=True)
