"""The starter with a training of a second: real data, a real fit and export, but no scikit-learn.

For tests of the build itself. What the starter's own training does is tested in `tests/train`.
"""

import shutil
import subprocess
from pathlib import Path

from tests.starter import environment

_ENTRY = "credit_default.train:train"
_TRAINING = '''"""A linear score over the standardised features, as ONNX."""

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
from onnx import TensorProto, helper, numpy_helper

from credit_default.panel import FEATURES, MONTHS, read_month, split


def train(data, output, parameters, seed):
    training, evaluation = split(read_month(data["clients"], MONTHS[0]), evaluation=0.2, seed=seed)
    sample = int(parameters.get("sample", 0))
    if sample:
        training = training.take(np.arange(min(sample, len(training))))
        evaluation = evaluation.take(np.arange(min(sample, len(evaluation))))
    rows, target = training.features.astype(np.float64), training.target
    centre, scale = rows.mean(axis=0), rows.std(axis=0) + 1e-9
    design = np.column_stack([np.ones(len(rows)), (rows - centre) / scale])
    found = np.linalg.lstsq(design, 4.0 * target - 3.0, rcond=None)[0]
    weights = (found[1:] / scale).astype(np.float32)
    bias = np.array([found[0] - (found[1:] * centre / scale).sum()], np.float32)
    (output / "model.onnx").write_bytes(_graph(weights, bias))
    _write(output / "reference.parquet", training, weights, bias)
    _write(output / "evaluation.parquet", evaluation, weights, bias)


def _graph(weights, bias):
    nodes = [
        helper.make_node("MatMul", ["features", "weights"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["probability"]),
    ]
    graph = helper.make_graph(
        nodes,
        "credit-default",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["rows", len(FEATURES)])],
        [helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["rows", 1])],
        [
            numpy_helper.from_array(weights.reshape(-1, 1), "weights"),
            numpy_helper.from_array(bias, "bias"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString(deterministic=True)


def _write(path, month, weights, bias):
    columns = {
        "key": pa.array(month.client),
        "target": pa.array(month.target, pa.int8()),
        "score": pa.array(1 / (1 + np.exp(-(month.features @ weights + bias[0]).astype(float)))),
        "sex": pa.array(month.sex.tolist()),
        "age_band": pa.array(month.age_band.tolist()),
    }
    columns |= {name: pa.array(month.features[:, place]) for place, name in enumerate(FEATURES)}
    pq.write_table(pa.table(columns), path, compression="zstd")
'''


def quicken(folder: Path) -> None:
    """Give a project that training and one test that passes, and commit both."""
    leave_out_tests(folder)
    (folder / "src" / "credit_default" / "quick.py").write_text(_TRAINING)
    declared = (folder / "goldenpath.toml").read_text()
    assert _ENTRY in declared
    (folder / "goldenpath.toml").write_text(declared.replace(_ENTRY, "credit_default.quick:train"))
    commit(folder)


def leave_out_tests(folder: Path) -> None:
    """Replace the slow tests of a project by one that passes."""
    shutil.rmtree(folder / "tests")
    (folder / "tests").mkdir()
    (folder / "tests" / "test_nothing.py").write_text("def test_nothing():\n    pass\n")


def commit(folder: Path) -> None:
    """Commit all files of a project."""
    for words in (["add", "--all"], ["commit", "--quiet", "--message", "change"]):
        subprocess.run(["git", "-C", str(folder), *words], env=environment(), check=True)
