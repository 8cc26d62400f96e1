"""The model on offer, as a scikit-learn pipeline over the raw features."""

import numpy as np
import numpy.typing as npt
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from credit_default.panel import FEATURES, STATUS, STATUS_CODES

KINDS = ("logistic",)


def fit(
    kind: str, features: npt.NDArray[np.float32], target: npt.NDArray[np.int64], seed: int
) -> Pipeline:
    """A fitted pipeline of the `kind`, one of `KINDS`."""
    if kind not in KINDS:
        raise ValueError(f"kind {kind!r} is unknown: expected one of {KINDS}")
    model = LogisticRegression(max_iter=1000, random_state=seed)
    return Pipeline([("columns", _columns()), ("model", model)]).fit(features, target)


def _columns() -> ColumnTransformer:
    numbers = [column for column in range(len(FEATURES)) if column != STATUS]
    codes = OneHotEncoder(
        categories=[np.array(STATUS_CODES, np.float32)], handle_unknown="ignore", dtype=np.float32
    )
    return ColumnTransformer([("numbers", StandardScaler(), numbers), ("status", codes, [STATUS])])
