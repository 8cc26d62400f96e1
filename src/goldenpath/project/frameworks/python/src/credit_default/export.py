"""The trained pipeline as a scorecard: the numbers that `serve.py` needs, as plain JSON.

No pickle: a file that is only numbers can be read by anybody and runs nothing when it is loaded.
"""

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.pipeline import Pipeline

from credit_default.panel import FEATURES, STATUS, STATUS_CODES
from credit_default.serve import FILE, load

__all__ = ["FILE", "export", "score"]


def export(pipeline: Pipeline, path: Path) -> None:
    """Write the scorecard of `pipeline` to `path`."""
    scaler = pipeline.named_steps["columns"].named_transformers_["numbers"]
    model = pipeline.named_steps["model"]
    weights = model.coef_[0].tolist()
    numbers = len(scaler.mean_)
    card = {
        "numbers": [column for column in range(len(FEATURES)) if column != STATUS],
        "mean": scaler.mean_.tolist(),
        "scale": scaler.scale_.tolist(),
        "weights": weights[:numbers],
        "status": STATUS,
        "points": dict(zip(map(str, STATUS_CODES), weights[numbers:], strict=True)),
        "intercept": float(model.intercept_[0]),
    }
    path.write_text(json.dumps(card, indent=1) + "\n", "utf-8")


def score(path: Path, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return the scores of the exported model, computed as the server computes them."""
    return load(path.parent)(features)
