"""What the frame costs around a training, and how fast data are digested."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from uv import find_uv_bin

from bench.measurement import Measurement
from goldenpath.errors import Unavailable
from goldenpath.project.data_digest import digest_data
from goldenpath.project.load import load_project
from goldenpath.project.scaffold import create
from goldenpath.settings import project_environment
from goldenpath.train.run import train

MEBIBYTES = 256
ROUNDS = 5
FILES = 8


def run() -> Iterator[Measurement]:
    """Digesting against `sha256sum`, then the frame around the starter's training."""
    with tempfile.TemporaryDirectory() as scratch:
        yield from _digesting(Path(scratch))
        try:
            yield from _frame(Path(scratch))
        except Unavailable as error:
            yield Measurement(4, "build over bare training", None, "s", note=error.message)


def _digesting(folder: Path) -> Iterator[Measurement]:
    """Bytes per second of processor time, against `sha256sum` on the same bytes."""
    block, parts = os.urandom(1024 * 1024), folder / "parts"
    parts.mkdir()
    for number in range(FILES):
        (parts / f"{number}.bin").write_bytes(block * (MEBIBYTES // FILES))
    whole = folder / "whole"
    whole.write_bytes(block * MEBIBYTES)
    command = ["sha256sum", str(whole)]
    theirs = median(
        _seconds(lambda: subprocess.run(command, capture_output=True, check=True))
        for _ in range(ROUNDS)
    )
    ways = {
        "a file": lambda: digest_data(whole),
        "a file in pieces": lambda: digest_data(whole, pieces=True),
        f"a folder of {FILES} files": lambda: digest_data(parts),
    }
    for name, way in ways.items():
        value = theirs / median(_seconds(way) for _ in range(ROUNDS))
        title = f"digesting {name}, speed per core against sha256sum"
        yield Measurement(4, title, value, "1", 0.9, value >= 0.9)
    whole.unlink()


def _seconds(work: Callable[[], object]) -> float:
    """Processor time of this process and those that it waited for."""
    before = os.times()
    work()
    return sum(after - then for then, after in zip(before[:4], os.times()[:4], strict=True))


def _frame(folder: Path) -> Iterator[Measurement]:
    tools = project_environment(os.environ, sys.executable)
    uv, now = find_uv_bin(), datetime.now(UTC)
    made = create("scoring", folder / "scoring", uv=uv, now=now, environment=tools)
    project, overheads, wholes = load_project(made), [], []
    for _ in range(5):
        start = time.perf_counter()
        trained = train(
            project,
            folder / "work",
            uv=uv,
            now=lambda: datetime.now(UTC),
            report=lambda _: None,
            tools=tools,
            kept=folder / "kept",
        )
        wholes.append(time.perf_counter() - start)
        overheads.append(wholes[-1] - trained.run.training_seconds)
    # Warm: the first makes the environment, the second compiles what the first imported.
    value = median(overheads[2:])
    note = "lint, tests, smoke training, evaluation; without packing and signing"
    yield Measurement(4, "training with its frame", median(wholes[2:]), "s")
    yield Measurement(4, "frame over bare training", value, "s", 6, value <= 6, note)
