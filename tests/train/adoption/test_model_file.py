"""A model file is told by its bytes, and names what opens it; nothing is opened."""

import gzip
import io
import pickle
import zipfile
import zlib

import numpy as np
import pytest

from goldenpath.errors import InvalidInput
from goldenpath.train.adoption.model_file import file_kind, requirements_of
from tests.serve.onnx_graph import logistic_regression

OBJECT = {"module": "sklearn.linear_model._logistic", "_sklearn_version": "1.5.2"}


def _skops() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("schema.json", "{}")
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"tree\nversion=v4\n", "lightgbm"),
        (b'{"learner":{"attributes":{}', "xgboost"),
        (b"{L\0\0\0\0\0\0\0\x07learner{", "xgboost"),
        (b'{"else":{}}', "onnx"),
        (logistic_regression(np.array([1.0, 2.0], np.float32), 0.0), "onnx"),
        (_skops(), "skops"),
        (b"", "onnx"),
        *((pickle.dumps(OBJECT, protocol), "pickle") for protocol in (2, 3, 4, 5)),
        *((zlib.compress(pickle.dumps(OBJECT), level), "pickle") for level in (1, 6, 9)),
        (gzip.compress(pickle.dumps(OBJECT), mtime=0), "pickle"),
    ],
)
def test_the_kind_is_told_by_the_bytes(content: bytes, kind: str) -> None:
    assert file_kind(content) == kind


@pytest.mark.parametrize("packed", [bytes, zlib.compress, gzip.compress])
def test_an_object_of_scikit_learn_names_its_version(packed: type[bytes]) -> None:
    packages = requirements_of(packed(pickle.dumps(OBJECT)), "pickle")

    assert packages[0] == "scikit-learn==1.5.2"
    assert {"skl2onnx", "skops", "pandas"} <= {*packages}


def test_a_pipeline_around_lightgbm_needs_both() -> None:
    both = {**OBJECT, "step": "lightgbm.sklearn"}

    packages = requirements_of(pickle.dumps(both), "pickle")

    assert {"scikit-learn==1.5.2", "lightgbm"} <= {*packages}
    assert "xgboost-cpu" not in packages


def test_native_files_need_their_library() -> None:
    assert requirements_of(b"tree\n", "lightgbm")[0] == "lightgbm"
    assert requirements_of(b"{", "xgboost")[0] == "xgboost-cpu"
    assert requirements_of(_skops(), "skops")[0] == "scikit-learn"


@pytest.mark.parametrize("content", [pickle.dumps({"a": 1}), zlib.compress(b"nothing known")])
def test_an_object_of_nobody_is_refused_with_a_way_out(content: bytes) -> None:
    with pytest.raises(InvalidInput, match="no library that is known") as refused:
        requirements_of(content, "pickle")
    assert "ONNX" in (refused.value.hint or "")


def test_a_broken_compression_is_refused() -> None:
    with pytest.raises(InvalidInput, match="cannot be read"):
        requirements_of(zlib.compress(pickle.dumps(OBJECT))[:2] + b"\xff\xff\xff", "pickle")
