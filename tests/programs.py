"""Programs of other projects: where `scripts/fetch-tools` puts them, or on the path."""

import shutil
import subprocess
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


def wrong_clock(folder: Path, seconds: int = 0) -> tuple[Path, dict[str, str]]:
    """A file with the seconds by which a clock is off, and the variables of who has that clock.

    Skips the test, saying so, without a compiler.
    """
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("NOT TRIED with a wrong clock: no C compiler is here")
    folder.mkdir(exist_ok=True)
    library, clock = folder / "wrong_clock.so", folder / "clock"
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(library)]
    subprocess.run([*command, str(Path(__file__).parent / "wrong_clock.c")], check=True)
    clock.write_text(str(seconds))
    return clock, {"LD_PRELOAD": str(library), "WRONG_CLOCK": str(clock)}
