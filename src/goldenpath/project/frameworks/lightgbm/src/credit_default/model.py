"""The models on offer, as LightGBM ensembles over the raw features."""

import lightgbm
import numpy as np
import numpy.typing as npt

KINDS = ("boosting",)


def fit(
    kind: str, features: npt.NDArray[np.float32], target: npt.NDArray[np.int64], seed: int
) -> lightgbm.LGBMClassifier:
    """A fitted model of the `kind`, one of `KINDS`; the same bits from the same rows and seed."""
    if kind not in KINDS:
        raise ValueError(f"kind {kind!r} is unknown: expected one of {KINDS}")
    model = lightgbm.LGBMClassifier(
        n_estimators=120,
        learning_rate=0.08,
        num_leaves=15,
        min_child_samples=80,
        random_state=seed,
        # Without these three, the sums of histograms depend on the threads and the machine's speed.
        n_jobs=1,
        deterministic=True,
        force_row_wise=True,
        verbose=-1,
    )
    return model.fit(features, target)
