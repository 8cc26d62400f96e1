"""The decryption of inputs of the prediction log, with the keys of their subjects."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa

from goldenpath.drift.profile import Floats
from goldenpath.errors import InvalidInput, VerificationError
from goldenpath.observe.log.log_reader import open_inputs
from goldenpath.observe.log.records import anonymous, feature_names
from goldenpath.observe.log.segment import Checkpoint
from goldenpath.observe.log.subject_keys import Subject, Subjects

_NOBODY = ""


class Inputs:
    """A reader of encrypted inputs, with one folder of subject keys for each observer."""

    def __init__(self, folders: tuple[Path, ...]) -> None:
        """Raises `Unavailable` if there are no keys in one of them."""
        self._keys = [Subjects.existing(folder) for folder in folders]
        self._known: dict[str, Mapping[str, list[Subject]]] = {}

    def close(self) -> None:
        """Close the key files."""
        for keys in self._keys:
            keys.close()

    def read(self, table: pa.Table, checkpoint: Checkpoint, rows: Floats) -> int:
        """Decrypt inputs into `rows` of shape `(records, features)`. Return their number.

        A row that no key opens is unchanged. Raises `InvalidInput` if the number of features
        differs.
        """
        width = len(feature_names(table))
        if width != rows.shape[1]:
            raise InvalidInput(f"expected {rows.shape[1]} features in a record, got {width}")
        opened = 0
        columns = ("key_day", "subject_ref", "prediction_id", "input_ciphertext")
        values = zip(
            *(table[name].to_pylist() for name in columns),
            table["input_commitment"].to_pylist(),
            strict=True,
        )
        for place, (day, reference, name, ciphertext, commitment) in enumerate(values):
            for subject in self._subjects(str(day), checkpoint).get(reference or _NOBODY, ()):
                try:
                    raw = open_inputs(subject, ciphertext, commitment, str(name))
                except VerificationError:
                    continue  # another observer has a different key for this reference
                rows[place] = np.frombuffer(raw, "<f4", width)
                opened += 1
                break
        return opened

    def _subjects(self, day: str, checkpoint: Checkpoint) -> Mapping[str, list[Subject]]:
        nobody = anonymous(checkpoint.stage, checkpoint.model, day)
        if nobody not in self._known:
            subjects: dict[str, list[Subject]] = {}
            for keys in self._keys:
                unnamed = keys.find(nobody, day)
                if unnamed is not None:
                    subjects.setdefault(_NOBODY, []).append(unnamed)
                for reference, subject in keys.all(day).items():
                    subjects.setdefault(reference, []).append(subject)
            self._known[nobody] = subjects
        return self._known[nobody]
