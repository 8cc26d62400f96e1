"""Programs of other projects: where `scripts/fetch-tools` puts them, or on the path."""

import shutil
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[1] / "build" / "tools"
COSIGN = {"cosign 2": "cosign", "cosign 3": "cosign3"}
"""Debian 13 has cosign 2, its successor cosign 3."""


def program(name: str) -> Path:
    """The program; skips the test, saying so, where it is absent."""
    fetched = TOOLS / "bin" / name
    found = str(fetched) if fetched.is_file() else shutil.which(name)
    if found is None:
        pytest.skip(f"NOT TRIED with {name}: absent, scripts/fetch-tools brings it")
    return Path(found)
