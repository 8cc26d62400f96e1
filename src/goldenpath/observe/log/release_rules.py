"""The rules of a release applied to columns: answers, unseen values."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from goldenpath.drift.profile import Floats, Profile
from goldenpath.drift.texts.text_measures import observed_columns
from goldenpath.project.spec import Contract
from goldenpath.project.task.answer_rules import AnswerRules


@dataclass(frozen=True, slots=True)
class Parts:
    """Digests of the parts of a release that make a decision. Empty if a part is absent.

    The digest of a contract part is the SHA-256 of its canonical JSON.
    """

    model: str = ""
    """Digest of the model file. For several files: of the canonical JSON of their digests."""
    decision: str = ""
    """Digest of `decision`: bands, outcomes, fallback."""
    schema: str = ""
    """Digest of `features`, `input_tensor`, `output` and `output_tensor`."""
    explainer: str = ""
    """Digest of `reasons`: the map from weights of the model to reason codes."""


@dataclass(frozen=True, slots=True)
class Facts:
    """The parts of a release that the observer needs."""

    contract: Contract
    profile: Profile
    parts: Parts = Parts()

    @property
    def rules(self) -> AnswerRules:
        """What the answers of the release mean."""
        return AnswerRules(self.contract)


def unseen(profile: Profile, rows: Floats) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """Return for each row the number of features with a value that the reference does not have.

    The second array counts those out of its numeric range. The others are unseen categories.
    """
    total, beyond = np.zeros(len(rows), np.int16), np.zeros(len(rows), np.int16)
    columns = observed_columns(profile.features, rows)
    for bins, column in zip(profile.features, columns, strict=True):
        known = np.isin(column, np.array(bins.atoms, np.float32)) | np.isnan(column)
        if bins.edges:
            known |= (column >= bins.edges[0]) & (column <= bins.edges[-1])
            beyond += ~known
        total += ~known
    return total, beyond
