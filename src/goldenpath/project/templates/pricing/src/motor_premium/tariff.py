"""A tariff with a logarithmic link, fitted by Newton's method, and its graph."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

VEHICLES = ("small", "family", "sports", "van")
TERRITORIES = ("10050000001", "10050000002", "10050000003")
LARGEST = 20_000.0
"""The largest answer in euros, as the contract declares it."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Tariff:
    """The weights of age, power, each vehicle and each territory, and the constant."""

    weights: npt.NDArray[np.float32]
    constant: np.float32

    def cost(self, design: Floats) -> Floats:
        """The expected cost of each row of `design_of`."""
        rate = design.astype(np.float32) @ self.weights + self.constant
        return np.clip(np.exp(rate.astype(np.float64)), 0.0, LARGEST)


def design_of(
    age: npt.ArrayLike, power: npt.ArrayLike, vehicle: list[str], territory: list[str]
) -> Floats:
    """Numbers as they are, and one column for each text."""
    kinds = [[float(value == known) for known in VEHICLES] for value in vehicle]
    places = [[float(value == known) for known in TERRITORIES] for value in territory]
    return np.column_stack([np.asarray(age, float), np.asarray(power, float), kinds, places])


def fit(design: Floats, cost: Floats, rounds: int) -> Tariff:
    """A Poisson regression with a little shrinkage, by Newton's method."""
    scale = np.maximum(design.std(axis=0), 1e-9)
    matrix = np.column_stack([np.ones(len(design)), design / scale])
    beta = np.zeros(matrix.shape[1])
    beta[0] = np.log(cost.mean())
    shrinkage = 1e-3 * len(design) * np.eye(len(beta))
    shrinkage[0, 0] = 0.0
    for _ in range(rounds):
        mean = np.exp(matrix @ beta)
        gradient = matrix.T @ (cost - mean) / cost.mean() - shrinkage @ beta
        curvature = (matrix * (mean / cost.mean())[:, None]).T @ matrix + shrinkage
        beta += np.linalg.solve(curvature, gradient)
    return Tariff((beta[1:] / scale).astype(np.float32), np.float32(beta[0]))


def export(tariff: Tariff, path: Path) -> None:
    """Write the tariff as a graph with one input for each feature."""
    constants = {
        "weights": tariff.weights.reshape(-1, 1),
        "constant": np.array([tariff.constant], np.float32),
        "vehicles": np.array([-1, len(VEHICLES)]),
        "territories": np.array([-1, len(TERRITORIES)]),
        "lowest": np.array(0.0, np.float32),
        "largest": np.array(LARGEST, np.float32),
    }
    nodes = [
        helper.make_node("Cast", ["power"], ["kilowatts"], to=TensorProto.FLOAT),
        *_one_hot("vehicle", VEHICLES, "vehicles"),
        *_one_hot("territory", TERRITORIES, "territories"),
        helper.make_node(
            "Concat", ["age", "kilowatts", "vehicle_flat", "territory_flat"], ["design"], axis=1
        ),
        helper.make_node("MatMul", ["design", "weights"], ["product"]),
        helper.make_node("Add", ["product", "constant"], ["rate"]),
        helper.make_node("Exp", ["rate"], ["exponential"]),
        helper.make_node("Clip", ["exponential", "lowest", "largest"], ["cost"]),
    ]
    kinds = {
        "age": TensorProto.FLOAT,
        "power": TensorProto.INT64,
        "vehicle": TensorProto.STRING,
        "territory": TensorProto.STRING,
    }
    graph = helper.make_graph(
        nodes,
        "motor-premium",
        [helper.make_tensor_value_info(name, kind, ["rows", 1]) for name, kind in kinds.items()],
        [helper.make_tensor_value_info("cost", TensorProto.FLOAT, ["rows", 1])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString(deterministic=True))


def _one_hot(name: str, texts: tuple[str, ...], shape: str) -> list[onnx.NodeProto]:
    return [
        helper.make_node(
            "OneHotEncoder", [name], [f"{name}_hot"], domain="ai.onnx.ml", cats_strings=list(texts)
        ),
        helper.make_node("Reshape", [f"{name}_hot", shape], [f"{name}_flat"]),
    ]
