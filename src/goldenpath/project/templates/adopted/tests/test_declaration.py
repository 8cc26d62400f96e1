"""The declaration says that nothing is trained here, and pins what was given."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_given_model_and_its_rows_are_pinned() -> None:
    declared = tomllib.loads((ROOT / "goldenpath.toml").read_text("utf-8"))
    given = declared["training"]["given"]

    for name in (given["model"], given["rows"]):
        assert declared["data"][name]["digest"].startswith("sha256:")
