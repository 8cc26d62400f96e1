"""The interface of a project as types: what the platform calls. docs/interface.md explains it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

class Train(Protocol):
    """`training.entry`, and `evaluation.entry` if there is one."""

    def __call__(
        self,
        data: Mapping[str, Path],
        output: Path,
        parameters: Mapping[str, bool | int | float | str],
        seed: int,
    ) -> None:
        """Write the model, `reference.parquet` and `evaluation.parquet` into `output`."""

class Predict(Protocol):
    """What `Load` returns."""

    def __call__(
        self, rows: NDArray[np.float32]
    ) -> NDArray[np.floating] | tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Return one number a row, or one for each class; with reasons also their weights."""

class Load(Protocol):
    """`contract.python.entry`, for a model that is code."""

    def __call__(self, files: Path) -> Predict:
        """Load the model from the files that the training left."""
