"""How long a user waits for the first word."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from bench.measurement import Measurement

GOLDENPATH = str(Path(sys.executable).parent / "goldenpath")


def milliseconds(*command: str) -> float:
    """From the start of a process to its end."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    times = []
    for _ in range(8):
        start = time.perf_counter()
        subprocess.run(command, capture_output=True, check=True, env=environment)
        times.append(time.perf_counter() - start)
    return median(times[1:]) * 1000


def run() -> Iterator[Measurement]:
    """Process start to exit, median of seven, with bytecode as an installed program has it."""
    value = milliseconds(GOLDENPATH, "--help")
    yield Measurement(3, "goldenpath --help", value, "ms", 100, value < 100)
    yield Measurement(3, "python -c pass", milliseconds(sys.executable, "-c", "pass"), "ms")
