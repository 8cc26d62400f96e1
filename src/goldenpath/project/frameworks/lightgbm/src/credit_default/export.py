"""The trained LightGBM ensemble as ONNX, the form that is packed, signed and served.

Written here, split for split: LightGBM compares with 64-bit thresholds, the converters at hand
round them to 32 bits, and a row near a threshold then falls to the other side. `train` proves that
model and file give the same scores, and the platform proves it again.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import lightgbm
import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import TensorProto, helper

from credit_default.panel import FEATURES

FILE = "model.onnx"
INPUT = "features"
OUTPUT = "probability"
OPSETS = {"": 18, "ai.onnx.ml": 3}
OBJECTIVE = "binary sigmoid:1"
Node = Mapping[str, object]


def export(model: lightgbm.LGBMClassifier, path: Path) -> None:
    """Write `model` to `path`: input `features` (n, 6), output `probability` (n, 1)."""
    dumped = model.booster_.dump_model()
    if dumped["objective"] != OBJECTIVE or dumped["average_output"]:
        raise ValueError(f"objective {dumped['objective']!r}: expected {OBJECTIVE!r}, not averaged")
    graph = helper.make_graph(
        [_ensemble(dumped["tree_info"]), helper.make_node("Sigmoid", ["log_odds"], [OUTPUT])],
        "credit-default",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["rows", len(FEATURES)])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["rows", 1])],
    )
    exported = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid(name, version) for name, version in OPSETS.items()],
        ir_version=9,
        producer_name="credit-default",
    )
    onnx.checker.check_model(exported)
    path.write_bytes(exported.SerializeToString(deterministic=True))


def score(path: Path, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return the scores of the exported model, computed as the server computes them."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        path.read_bytes(), options, providers=["CPUExecutionProvider"]
    )
    (probabilities,) = session.run([OUTPUT], {INPUT: features})
    return np.asarray(probabilities, np.float64)[:, -1]


def _ensemble(trees: list[Mapping[str, Node]]) -> onnx.NodeProto:
    nodes = [(tree, *row) for tree, each in enumerate(trees) for row in _rows(each)]
    tree_of, node_of, feature, value, mode, yes, no, missing, weight = zip(*nodes, strict=True)
    leaves = [place for place, name in enumerate(mode) if name == "LEAF"]
    return helper.make_node(
        "TreeEnsembleRegressor",
        [INPUT],
        ["log_odds"],
        domain="ai.onnx.ml",
        n_targets=1,
        aggregate_function="SUM",
        post_transform="NONE",
        nodes_treeids=tree_of,
        nodes_nodeids=node_of,
        nodes_featureids=feature,
        nodes_values=value,
        nodes_modes=mode,
        nodes_truenodeids=yes,
        nodes_falsenodeids=no,
        nodes_missing_value_tracks_true=missing,
        target_treeids=[tree_of[place] for place in leaves],
        target_nodeids=[node_of[place] for place in leaves],
        target_ids=[0] * len(leaves),
        target_weights=[weight[place] for place in leaves],
    )


def _rows(tree: Mapping[str, Node]) -> Iterator[tuple[int, int, float, str, int, int, int, float]]:
    """Node, feature, threshold, mode, node if true, node if false, missing goes to true, weight."""
    waiting, last = [(0, tree["tree_structure"])], 0
    while waiting:
        number, node = waiting.pop()
        if "leaf_value" in node:
            yield number, 0, 0.0, "LEAF", 0, 0, 0, float(node["leaf_value"])
            continue
        if node["decision_type"] != "<=" or node["missing_type"] == "Zero":
            raise ValueError("categorical splits, and zero as missing, are not exported")
        threshold, (yes, no) = float(node["threshold"]), (last + 1, last + 2)
        last += 2
        # Where the training saw no missing value, LightGBM takes one for 0.
        to_left = node["default_left"] if node["missing_type"] == "NaN" else threshold >= 0
        feature, below = int(node["split_feature"]), _below(threshold)
        yield number, feature, below, "BRANCH_LEQ", yes, no, int(to_left), 0.0
        waiting += [(yes, node["left_child"]), (no, node["right_child"])]


def _below(threshold: float) -> float:
    """Return the largest 32-bit float that does not exceed the threshold.

    Inputs are 32-bit floats, so every row takes the same branch as before the rounding.
    """
    nearest = np.float32(threshold)
    # Compare as 64-bit floats: numpy would round the threshold first, and see no difference.
    is_above = float(nearest) > threshold
    return float(np.nextafter(nearest, np.float32(-np.inf)) if is_above else nearest)
