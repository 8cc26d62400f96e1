"""What the frame costs around a training, and how fast data are digested."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from uv import find_uv_bin

from bench.measurement import Measurement
from goldenpath.errors import Unavailable
from goldenpath.processes.confinement import Confinement, Sandbox, confine
from goldenpath.project.data_digest import digest_data
from goldenpath.project.load import load_project
from goldenpath.project.scaffold import create
from goldenpath.release.evidence.contribution_history import contributions_of
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
            yield from _confining(Path(scratch))
        except Unavailable as error:
            yield Measurement(4, "build over bare training", None, "s", note=error.message)


@dataclass(frozen=True, slots=True)
class _Bare(Confinement):
    """Starts each program as it is, as builds did before they confined them."""

    def command(self, command: Sequence[str], sandbox: Sandbox, folder: Path) -> list[str]:
        return list(command)


def _confining(folder: Path) -> Iterator[Measurement]:
    """The build of the demo project with confinement against without, and against itself.

    In each round every way builds once, in another order. Of the rounds the median ratio counts.
    """
    tools = project_environment(os.environ, sys.executable)
    uv, now = find_uv_bin(), datetime.now(UTC)
    made = create("confined", folder / "confined", uv=uv, now=now, environment=tools)
    project = load_project(made)
    # The bare one claims the same measures, so that it keeps its environment as the others do.
    ways = {"confined": confine(), "again": confine(), "bare": _Bare(confine().measures)}

    def seconds(confinement: Confinement) -> float:
        start = time.perf_counter()
        trained = train(
            project, folder / "confining", uv=uv, now=lambda: datetime.now(UTC),
            report=lambda _: None, tools=tools, kept=folder / "kept-confined",
            confinement=confinement,
        )  # fmt: skip
        contributions_of(made, tools, trained.run.source.commit)
        return time.perf_counter() - start

    for confinement in ways.values():  # the environment, and the bytecode of what is imported
        seconds(confinement)
    names, rounds = list(ways), []
    for number in range(ROUNDS):
        order = names[number % 3 :] + names[: number % 3]
        rounds.append({name: seconds(ways[name]) for name in order})
    same = sorted(each["again"] / each["confined"] for each in rounds)
    ratio = median(each["confined"] / each["bare"] for each in rounds)
    yield Measurement(14, "build of the demo project, A/A spread", same[-1] - same[0], "1")
    note = f"bare {median(each['bare'] for each in rounds):.2f} s, {ROUNDS} rounds in turn"
    title = "build of the demo project, confined over bare"
    yield Measurement(14, title, ratio, "1", 1.1, ratio <= 1.1, note)


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
