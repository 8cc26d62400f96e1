"""The programs of one build: lint, tests, smoke training and training, each in its own session."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from goldenpath.canonical import parse_object
from goldenpath.errors import InvalidInput
from goldenpath.project.data_digest import digest_file
from goldenpath.project.spec import Project, Scalar, Training
from goldenpath.settings import told_to_mlflow
from goldenpath.train.confine import confined
from goldenpath.train.program import run
from goldenpath.train.training_run import Check

CHECK_LIMIT = 1800.0
"""Seconds that lint or tests of a project may take."""
_MAX_BLAS, _MAX_NAMED = 1000, 20
T = TypeVar("T")
RUNNER = Path(__file__).with_name("runner.py")


@dataclass(frozen=True, slots=True)
class Bench:
    """What the programs of one build share."""

    project: Project
    work: Path
    folder: Path
    """The project's environment."""
    python: Path
    """Its interpreter."""
    environment: Mapping[str, str]
    """All that the programs see of the environment."""
    given_up: threading.Event
    data: Mapping[str, Path]
    """Where the data are, by name."""
    closed: tuple[Path, ...] = ()
    """Folders in which the programs read only what is theirs."""

    @property
    def root(self) -> Path:
        """The folder of the project."""
        return Path(self.project.root)

    @property
    def limits(self) -> dict[str, object]:
        """What every program of the build is told to take away from itself."""
        shared = (self.folder, *self.data.values())
        limits = confined((self.root, self.work), shared, self.closed)
        return {**limits, "memory": self.project.training.memory_limit}


@dataclass(frozen=True, slots=True)
class Made:
    """A training that ended well."""

    seconds: float
    peak_memory: int
    """Bytes."""
    blas: str = ""


def training(bench: Bench, name: str, overlay: Mapping[str, Scalar]) -> Made:
    """Runs the entry point into the folder `name` of the work folder.

    `overlay` is laid over the parameters. Raises `InvalidInput`, with the last lines that the
    training said, if it fails, runs too long, ends without having come to its end, or leaves other
    files than it declares.
    """
    spec, output = bench.project.training, bench.work / name
    output.mkdir()
    made = _call(bench, spec.entry, output, overlay, told=f"{name}.json")
    if not bench.project.evaluation:
        _refuse_undeclared(spec, output)
        return made
    after = _call(bench, bench.project.evaluation, output, overlay, told=f"{name}-evaluation.json")
    _refuse_undeclared(spec, output)
    peak = max(made.peak_memory, after.peak_memory)
    return Made(made.seconds + after.seconds, peak, made.blas)


def _call(
    bench: Bench, entry: str, output: Path, overlay: Mapping[str, Scalar], *, told: str
) -> Made:
    """One entry point of the project in a process of its own."""
    spec, note = bench.project.training, bench.work / told
    log = note.with_suffix(".log")
    request = {
        "source": str(bench.root / "src"),
        "entry": entry,
        "data": {name: str(path) for name, path in bench.data.items()},
        "output": str(output),
        "note": str(note),
        "parameters": {**spec.parameters, **overlay},
        "seed": spec.seed,
        **bench.limits,
    }
    ended = run(
        # -P and -s: neither our folder nor the user's own packages can be imported.
        [str(bench.python), "-P", "-s", str(RUNNER)],
        folder=bench.root,
        environment={
            **bench.environment,
            **told_to_mlflow(bench.work / f"{output.name}-mlflow"),
        },
        log=log,
        limit=spec.time_limit,
        given_up=bench.given_up,
        request=json.dumps(request).encode() + b"\n",
    )
    if ended.status != 0 or not note.is_file():
        how = f"signal {-ended.status}" if ended.status < 0 else f"status {ended.status}"
        raise InvalidInput(
            f"the training {entry} ended with {how}; it last said:\n{ended.tail}",
            hint=f"the whole log is {log}",
        )
    said = parse_object(note.read_bytes(), note.name)
    peak, blas = said.get("peak_memory"), said.get("blas")
    return Made(
        ended.seconds,
        peak if isinstance(peak, int) else 0,
        blas[:_MAX_BLAS] if isinstance(blas, str) else "",
    )


@contextmanager
def meanwhile(bench: Bench, work: Callable[[], T]) -> Iterator[Future[T]]:
    """Runs `work` in the background; it is given up when the block fails."""
    with ThreadPoolExecutor(1) as pool:
        try:
            yield pool.submit(work)
        except BaseException:
            bench.given_up.set()
            raise


def refuse_difference(bench: Bench, first: str, second: str) -> None:
    """Raises `InvalidInput` if two trainings with the same inputs wrote other bytes."""
    one, other = (_written(bench.work / name) for name in (first, second))
    different = sorted(name for name in {*one, *other} if one.get(name) != other.get(name))
    if different:
        raise InvalidInput(
            f"the training {bench.project.training.entry} does not repeat itself: two runs on a "
            f"sample differ in {', '.join(different)}",
            hint="use the seed that the training is given and its number of threads, or declare "
            "training.repeatable = false",
        )


def _refuse_undeclared(spec: Training, output: Path) -> None:
    """What lies there besides files is undeclared too: a link could point anywhere."""
    entries = {path for path in output.rglob("*") if path.is_symlink() or not path.is_dir()}
    found = {path.relative_to(output).as_posix() for path in entries}
    absent, left = sorted({*spec.outputs} - found), sorted(found - {*spec.outputs})
    wrong = [
        *([f"wrote no {', '.join(absent)}"] if absent else []),
        *([f"left {', '.join(left[:_MAX_NAMED])}, which it does not declare"] if left else []),
        *(
            f"left {path.name}, which is no regular file"
            for path in sorted(entries)
            if path.is_symlink() or not path.is_file()
        ),
    ]
    if wrong:
        raise InvalidInput(
            f"the training {spec.entry} {' and '.join(wrong)}",
            hint="training.outputs in goldenpath.toml names every file that a training leaves",
        )


def _written(folder: Path) -> Mapping[str, str]:
    return {
        path.relative_to(folder).as_posix(): digest_file(path).text
        for path in folder.rglob("*")
        if path.is_file()
    }


def lint_and_tests(bench: Bench) -> tuple[Check, ...]:
    """The project's own checks; that one failed is told and not raised."""
    return (
        _check(bench, "lint", "ruff", ["check", "--no-cache", "--quiet", "."]),
        _check(bench, "tests", "pytest", ["-p", "no:cacheprovider"]),
    )


def _check(bench: Bench, name: str, module: str, arguments: list[str]) -> Check:
    ended = run(
        [str(bench.python), "-P", "-s", str(RUNNER)],
        folder=bench.root,
        environment=bench.environment,
        log=bench.work / f"{name}.log",
        limit=CHECK_LIMIT,
        given_up=bench.given_up,
        request=json.dumps(
            {"module": module, "arguments": arguments, **bench.limits, "memory": 0}
        ).encode()
        + b"\n",
    )
    lines = ended.tail.splitlines()
    detail = (lines[-1] if lines else "nothing to say") if ended.status == 0 else ended.tail
    return Check(name, ended.status == 0, detail, round(ended.seconds, 3))
