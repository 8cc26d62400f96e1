"""The models on offer, as XGBoost ensembles over the raw features."""

import numpy as np
import numpy.typing as npt
import xgboost

KINDS = ("boosting",)


def fit(
    kind: str, features: npt.NDArray[np.float32], target: npt.NDArray[np.int64], seed: int
) -> xgboost.XGBClassifier:
    """A fitted model of the `kind`, one of `KINDS`; the same bits from the same rows and seed."""
    if kind not in KINDS:
        raise ValueError(f"kind {kind!r} is unknown: expected one of {KINDS}")
    model = xgboost.XGBClassifier(
        n_estimators=120,
        learning_rate=0.08,
        max_depth=4,
        tree_method="hist",
        random_state=seed,
        # One thread sums in a fixed order, so the result is reproducible.
        n_jobs=1,
    )
    return model.fit(features, target)
