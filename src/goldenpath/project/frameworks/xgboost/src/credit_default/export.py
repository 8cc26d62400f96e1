"""The trained XGBoost ensemble as ONNX, the form that is packed, signed and served.

onnxmltools converts it: XGBoost compares 32-bit floats, as the server does. `train` proves that
model and file give the same scores, and the platform proves it again.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import xgboost
from onnxmltools.convert import convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType

from credit_default.panel import FEATURES

FILE = "model.onnx"
INPUT = "features"
OUTPUT = "probability"
OPSET = 15


def export(model: xgboost.XGBClassifier, path: Path) -> None:
    """Write `model` to `path`: input `features` (n, 6), output `probability` (n, 2)."""
    exported = convert_xgboost(
        model,
        name="credit-default",
        initial_types=[(INPUT, FloatTensorType([None, len(FEATURES)]))],
        target_opset=OPSET,
    )
    _rename(exported.graph, exported.graph.output[-1].name, OUTPUT)
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


def _rename(graph: onnx.GraphProto, old: str, new: str) -> None:
    """Rename the tensor `old` to `new` in all nodes and outputs."""
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = [new if name == old else name for name in names]
    for value in graph.output:
        value.name = new if value.name == old else value.name
