"""The models on offer, as scikit-learn pipelines over the raw features."""

import numpy as np
import numpy.typing as npt
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from credit_default.panel import FEATURES, STATUS, STATUS_CODES

KINDS = ("logistic", "boosting")


def fit(
    kind: str, features: npt.NDArray[np.float32], target: npt.NDArray[np.int64], seed: int
) -> Pipeline:
    """A fitted pipeline of the `kind`, one of `KINDS`."""
    if kind == "logistic":
        steps = [("columns", _columns()), ("model", LogisticRegression(max_iter=1000))]
    elif kind == "boosting":
        steps = [
            (
                "model",
                HistGradientBoostingClassifier(
                    max_iter=120,
                    learning_rate=0.08,
                    max_leaf_nodes=15,
                    min_samples_leaf=80,
                    early_stopping=False,
                    random_state=seed,
                ),
            )
        ]
    else:
        raise ValueError(f"kind {kind!r} is unknown: expected one of {KINDS}")
    return Pipeline(steps).fit(features, target)


def _columns() -> ColumnTransformer:
    numbers = [column for column in range(len(FEATURES)) if column != STATUS]
    codes = OneHotEncoder(
        categories=[np.array(STATUS_CODES, np.float32)], handle_unknown="ignore", dtype=np.float32
    )
    return ColumnTransformer([("numbers", StandardScaler(), numbers), ("status", codes, [STATUS])])
