"""What the frame costs around a training, and how fast data are digested."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from uv import find_uv_bin

from bench.measurement import Measurement
from goldenpath.errors import Unavailable
from goldenpath.project.load import load_project
from goldenpath.project.meaning import digest_file
from goldenpath.project.scaffold import create
from goldenpath.settings import project_environment
from goldenpath.train.run import train

MEBIBYTES = 256
ROUNDS = 5


def run() -> Iterator[Measurement]:
    """Digesting against `sha256sum`, then the frame around the starter's training."""
    with tempfile.TemporaryDirectory() as scratch:
        yield _digesting(Path(scratch))
        try:
            yield from _frame(Path(scratch))
        except Unavailable as error:
            yield Measurement(4, "build over bare training", None, "s", note=error.message)


def _digesting(folder: Path) -> Measurement:
    path = folder / "data"
    path.write_bytes(os.urandom(1024 * 1024) * MEBIBYTES)
    ratios = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        subprocess.run(["sha256sum", str(path)], capture_output=True, check=True)
        middle = time.perf_counter()
        digest_file(path)
        ratios.append((middle - start) / (time.perf_counter() - middle))
    path.unlink()
    value = median(ratios)
    return Measurement(4, "digesting, speed against sha256sum", value, "1", 0.9, value >= 0.9)


def _frame(folder: Path) -> Iterator[Measurement]:
    tools = project_environment(os.environ, sys.executable)
    uv, now = find_uv_bin(), datetime.now(UTC)
    made = create("scoring", folder / "scoring", uv=uv, now=now, environment=tools)
    project, overheads, wholes = load_project(made), [], []
    for _ in range(3):
        start = time.perf_counter()
        trained = train(
            project,
            folder / "work",
            uv=uv,
            now=lambda: datetime.now(UTC),
            report=lambda _: None,
            tools=tools,
        )
        wholes.append(time.perf_counter() - start)
        overheads.append(wholes[-1] - trained.run.training_seconds)
    value = median(overheads)
    note = "lint, tests, smoke training, evaluation; without packing and signing"
    yield Measurement(4, "training with its frame", median(wholes), "s")
    yield Measurement(4, "frame over bare training", value, "s", 6, value <= 6, note)
