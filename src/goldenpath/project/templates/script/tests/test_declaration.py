"""The declaration names the training and pins its data."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_training_is_named_and_its_data_are_pinned() -> None:
    declared = tomllib.loads((ROOT / "goldenpath.toml").read_text("utf-8"))

    assert declared["training"]["entry"] == "my_model.train:train"
    for data in declared["data"].values():
        assert data["digest"].startswith("sha256:")
