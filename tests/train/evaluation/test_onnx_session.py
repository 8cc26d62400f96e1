"""ONNX graphs as people export them: refused in words, each with the way to export it again."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from goldenpath.errors import InvalidInput
from goldenpath.serve.model.model import OnnxModel
from goldenpath.train.evaluation.onnx_session import open_session
from goldenpath.train.evaluation.score import open_model
from tests.serve.onnx_graph import graph, logistic_regression, node
from tests.serve.running import CONTRACT

WEIGHTS = np.zeros(len(CONTRACT.features), np.float32)
GOOD = logistic_regression(WEIGHTS, 0.0)
WIDTH = len(WEIGHTS)
SUM = [node("ReduceSum", ["features"], ["probability"])]
FORMS = {
    "external data": (
        logistic_regression(WEIGHTS, 0.0, outside="weights.bin"), "External data", "as one file",
    ),
    "opset": (GOOD.replace(b"\x10\x11", b"\x10\x63", 1), "Opset 99", "older opset"),
    "IR version": (b"\x08\x1e" + GOOD[2:], "IR version: 30", "model.ir_version"),
    "no graph": (b"not a graph", "not an ONNX graph that runs here", ""),
    "another input": (
        logistic_regression(WEIGHTS, 0.0, names=("x", "probability", "")),
        "got 'x'", "input_tensor",
    ),
    "another output": (
        logistic_regression(WEIGHTS, 0.0, names=("features", "y", "")), "the outputs 'y'",
        "output_tensor",
    ),
    "other columns": (
        logistic_regression(np.zeros(WIDTH + 1, np.float32), 0.0), f"(n, {WIDTH})",
        "order of the contract",
    ),
    "labels instead of scores": (
        graph([node("ArgMax", ["features"], ["probability"])], WIDTH, outputs={"probability": 0}),
        "of type tensor(int64)", "scores as floats",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("content", "shown", "cure"), FORMS.values(), ids=FORMS)
def test_build_and_server_refuse_it_with_the_same_cure(
    content: bytes, shown: str, cure: str, tmp_path: Path
) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)

    with pytest.raises(InvalidInput) as built:
        open_model(path, CONTRACT)
    with pytest.raises(InvalidInput) as served:
        OnnxModel(content, CONTRACT)

    assert any(text in built.value.message for text in shown.split("|"))
    assert cure in (built.value.hint or "")
    assert served.value.hint == built.value.hint
    assert "onnxruntime_src" not in built.value.message


def test_weights_beside_the_server_are_never_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "weights.bin").write_bytes(np.ones(WIDTH, np.float32).tobytes())
    monkeypatch.chdir(tmp_path)
    for place in ("weights.bin", "./weights.bin", str(tmp_path / "weights.bin")):
        with pytest.raises(InvalidInput, match="External data"):
            open_session(logistic_regression(WEIGHTS, 0.0, outside=place), "the model")


def test_an_ordinary_graph_fits(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(GOOD)

    open_model(tmp_path / "model.onnx", CONTRACT)
    OnnxModel(GOOD, replace(CONTRACT))
