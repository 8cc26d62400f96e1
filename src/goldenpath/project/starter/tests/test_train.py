"""The properties of the training that the platform relies on."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from credit_default.export import FILE, score
from credit_default.model import KINDS
from credit_default.panel import FEATURES
from credit_default.train import TOLERANCE, train

DATA = {"clients": Path(__file__).parents[1] / "data" / "clients.parquet"}


@pytest.mark.parametrize("kind", KINDS)
def test_the_exported_model_scores_as_the_trained_one(kind: str, tmp_path: Path) -> None:
    train(DATA, tmp_path, {"kind": kind, "sample": 2000}, seed=1)

    table = pq.read_table(tmp_path / "evaluation.parquet")
    features = np.column_stack([table[name].to_numpy() for name in FEATURES]).astype(np.float32)
    exported = score(tmp_path / FILE, features)
    assert np.abs(exported - table["score"].to_numpy()).max() <= TOLERANCE


def test_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="oracle"):
        train(DATA, tmp_path, {"kind": "oracle", "sample": 100}, seed=1)
