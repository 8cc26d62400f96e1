"""Programs of other projects: found on the path or where `scripts/fetch-tools` puts them."""

import shutil
from pathlib import Path

import pytest

_TOOLS = Path(__file__).parents[2] / "build" / "tools"


def program(name: str, suite: str = "*") -> Path:
    """The program; skips the test, saying so, where it is absent."""
    fetched = sorted(_TOOLS.glob(f"{suite}/usr/bin/{name}"))
    if suite != "forky":
        # What scripts/fetch-tools fetches by default is trixie's.
        fetched += sorted(_TOOLS.glob(f"bin/{name}"))
    found = fetched[0] if fetched else (shutil.which(name) if suite == "*" else None)
    if found is None:
        pytest.skip(f"{name} ({suite}) is not here: NOT tried (scripts/fetch-tools gets it)")
    return Path(found)
