"""The model as it is served: this file, a file of numbers and numpy; nothing of the training.

The platform calls `load` once with the folder of the model's files, and what it gives back for
every batch of rows. It runs in a process of its own, in an environment made of exactly the
packages that `uv.lock` names for `project.dependencies`.
"""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

FILE = "scorecard.json"


def load(files: Path) -> Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float64]]:
    """The function that scores rows of shape `(n, 6)`, by the scorecard in the folder `files`."""
    card = json.loads((files / FILE).read_text("utf-8"))
    weights = np.array(card["weights"]) / np.array(card["scale"])
    start = card["intercept"] - float(np.array(card["mean"]) @ weights)
    codes = np.array([float(code) for code in card["points"]])
    points = np.array(list(card["points"].values()))

    def predict(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        numbers = rows[:, card["numbers"]].astype(np.float64)
        # A code that is not on the card has no points, as in the training.
        held = (rows[:, [card["status"]]] == codes) @ points
        return 1 / (1 + np.exp(-(start + numbers @ weights + held)))

    return predict
