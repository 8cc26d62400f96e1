"""How long a user waits for the first word."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from bench.measurement import Measurement

GOLDENPATH = str(Path(sys.executable).parent / "goldenpath")


def _milliseconds(*command: str) -> float:
    times = []
    for _ in range(7):
        start = time.perf_counter()
        subprocess.run(command, capture_output=True, check=True)
        times.append(time.perf_counter() - start)
    return median(times) * 1000


def run() -> Iterator[Measurement]:
    """Process start to exit, median of seven."""
    value = _milliseconds(GOLDENPATH, "--help")
    yield Measurement(3, "goldenpath --help", value, "ms", 100, value < 100)
    yield Measurement(3, "python -c pass", _milliseconds(sys.executable, "-c", "pass"), "ms")
