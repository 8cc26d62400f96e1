"""The trained model as ONNX, the form that is packed, signed and served: any scikit-learn pipeline.

skl2onnx converts it; gradient boosting by histograms is written here, split for split. `train`
proves that model and file give the same scores, and the platform proves it again.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import TensorProto, helper
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline

from credit_default.panel import FEATURES

FILE = "model.onnx"
INPUT = "features"
OUTPUT = "probability"
OPSETS = {"": 18, "ai.onnx.ml": 3}


def export(pipeline: Pipeline, path: Path) -> None:
    """Write `pipeline` to `path`: the last column of its output `probability` is the score."""
    if isinstance(pipeline[-1], HistGradientBoostingClassifier) and len(pipeline) == 1:
        exported = _boosting(pipeline[-1])
    else:
        exported = convert_sklearn(
            pipeline,
            name="credit-default",
            initial_types=[(INPUT, FloatTensorType([None, len(FEATURES)]))],
            final_types=[("label", None), (OUTPUT, None)],
            target_opset=OPSETS,
            options={id(pipeline): {"zipmap": False}},
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


def _boosting(model: HistGradientBoostingClassifier) -> onnx.ModelProto:
    # scikit-learn has no public view of these trees; the lock pins the release that was tried.
    trees = [iteration[0].nodes for iteration in model._predictors]
    nodes = np.concatenate(trees)
    if nodes["is_categorical"].any():
        raise ValueError("categorical splits are not exported: encode the categories before")
    sizes = [len(tree) for tree in trees]
    tree_of = np.repeat(np.arange(len(trees)), sizes)
    node_of = np.concatenate([np.arange(size) for size in sizes])
    leaf = nodes["is_leaf"].astype(bool)
    ensemble = helper.make_node(
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
    graph = helper.make_graph(
        [ensemble, helper.make_node("Sigmoid", ["log_odds"], [OUTPUT])],
        "credit-default",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["rows", len(FEATURES)])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["rows", 1])],
    )
    opsets = [helper.make_opsetid(name, version) for name, version in OPSETS.items()]
    return helper.make_model(
        graph, opset_imports=opsets, ir_version=9, producer_name="credit-default"
    )


def _below(thresholds: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Return the largest 32-bit floats that do not exceed the thresholds.

    Inputs are 32-bit floats, so every row takes the same branch as before the rounding.
    """
    nearest = thresholds.astype(np.float32)
    return np.where(nearest > thresholds, np.nextafter(nearest, np.float32(-np.inf)), nearest)
