"""The trained pipeline as ONNX: the form that is packed, signed and served.

The graphs are written by hand, since each is a dozen nodes: nothing but the `onnx` package stands
between the pipeline and the file, and `train` proves that both give the same scores.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline

from credit_default.panel import FEATURES, STATUS, STATUS_CODES

FILE = "model.onnx"
INPUT = "features"
OUTPUT = "probability"
OPSETS = {"": 18, "ai.onnx.ml": 3}


def export(pipeline: Pipeline, path: Path) -> None:
    """Write `pipeline` to `path`: input `features` (n, 6), output `probability` (n, 1)."""
    model = pipeline.named_steps["model"]
    if isinstance(model, HistGradientBoostingClassifier):
        nodes, constants = [_trees(model)], {}
    else:
        nodes, constants = _linear(pipeline)
    nodes.append(helper.make_node("Sigmoid", ["log_odds"], [OUTPUT]))
    graph = helper.make_graph(
        nodes,
        "credit-default",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["rows", len(FEATURES)])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["rows", 1])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
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
    return np.asarray(probabilities, np.float64)[:, 0]


def _linear(pipeline: Pipeline) -> tuple[list[onnx.NodeProto], dict[str, npt.NDArray[np.generic]]]:
    scaler = pipeline.named_steps["columns"].named_transformers_["numbers"]
    model = pipeline.named_steps["model"]
    constants: dict[str, npt.NDArray[np.generic]] = {
        "numbers": np.array([column for column in range(len(FEATURES)) if column != STATUS]),
        "status": np.array([STATUS]),
        "mean": scaler.mean_.astype(np.float32),
        "scale": scaler.scale_.astype(np.float32),
        "codes": np.array(STATUS_CODES, np.float32),
        "weights": model.coef_.T.astype(np.float32),
        "intercept": model.intercept_.astype(np.float32),
    }
    nodes = [
        helper.make_node("Gather", [INPUT, "numbers"], ["raw"], axis=1),
        helper.make_node("Sub", ["raw", "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "scale"], ["scaled"]),
        helper.make_node("Gather", [INPUT, "status"], ["code"], axis=1),
        helper.make_node("Equal", ["code", "codes"], ["is_code"]),
        helper.make_node("Cast", ["is_code"], ["one_hot"], to=TensorProto.FLOAT),
        helper.make_node("Concat", ["scaled", "one_hot"], ["columns"], axis=1),
        helper.make_node("Gemm", ["columns", "weights", "intercept"], ["log_odds"]),
    ]
    return nodes, constants


def _trees(model: HistGradientBoostingClassifier) -> onnx.NodeProto:
    # scikit-learn has no public view of these trees; the lock pins the release that was tried.
    trees = [iteration[0].nodes for iteration in model._predictors]
    nodes = np.concatenate(trees)
    sizes = [len(tree) for tree in trees]
    tree_of = np.repeat(np.arange(len(trees)), sizes)
    node_of = np.concatenate([np.arange(size) for size in sizes])
    leaf = nodes["is_leaf"].astype(bool)
    return helper.make_node(
        "TreeEnsembleRegressor",
        [INPUT],
        ["log_odds"],
        domain="ai.onnx.ml",
        n_targets=1,
        aggregate_function="SUM",
        post_transform="NONE",
        base_values=[float(model._baseline_prediction.item())],
        nodes_treeids=tree_of.tolist(),
        nodes_nodeids=node_of.tolist(),
        nodes_featureids=np.where(leaf, 0, nodes["feature_idx"]).tolist(),
        nodes_values=_below(np.where(leaf, 0.0, nodes["num_threshold"])).tolist(),
        nodes_modes=np.where(leaf, "LEAF", "BRANCH_LEQ").tolist(),
        nodes_truenodeids=np.where(leaf, 0, nodes["left"]).tolist(),
        nodes_falsenodeids=np.where(leaf, 0, nodes["right"]).tolist(),
        nodes_missing_value_tracks_true=np.where(leaf, 0, nodes["missing_go_to_left"]).tolist(),
        target_treeids=tree_of[leaf].tolist(),
        target_nodeids=node_of[leaf].tolist(),
        target_ids=[0] * int(leaf.sum()),
        target_weights=nodes["value"][leaf].tolist(),
    )


def _below(thresholds: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Return the largest 32-bit floats that do not exceed the thresholds.

    Inputs are 32-bit floats, so every row takes the same branch as before the rounding.
    """
    nearest = thresholds.astype(np.float32)
    return np.where(nearest > thresholds, np.nextafter(nearest, np.float32(-np.inf)), nearest)
