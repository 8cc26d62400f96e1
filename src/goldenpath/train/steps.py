"""The programs of one build: lint, tests, smoke training and training. Each has its own session."""

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
from goldenpath.settings import mlflow_environment
from goldenpath.train.program import run
from goldenpath.train.training_run import Check
from goldenpath.train.training_sandbox import sandbox_limits

CHECK_LIMIT = 1800.0
"""Longest duration of lint, and of the tests, in seconds."""
_MAX_BLAS, _MAX_NAMED = 1000, 20
T = TypeVar("T")
RUNNER = Path(__file__).with_name("runner.py")


@dataclass(frozen=True, slots=True)
class TrainingContext:
    """What the programs of one build share: project, folders, interpreter and limits."""

    project: Project
    work: Path
    """The work folder of the build."""
    folder: Path
    """The virtual environment of the project."""
    python: Path
    """Its interpreter."""
    environment: Mapping[str, str]
    """The environment variables of the programs."""
    cancelled: threading.Event
    """Set when the build fails: its programs are killed."""
    data: Mapping[str, Path]
    """The local path of each source of data, by name."""
    closed: tuple[Path, ...] = ()
    """Folders that the sandbox closes, except for the project's own files in them."""

    @property
    def root(self) -> Path:
        """The folder of the project."""
        return Path(self.project.root)

    @property
    def limits(self) -> dict[str, object]:
        """The sandbox and memory limit that every program of the build applies to itself."""
        shared = (self.folder, *self.data.values())
        limits = sandbox_limits((self.root, self.work), shared, self.closed)
        return {**limits, "memory": self.project.training.memory_limit}


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """The duration and resources of a training that succeeded."""

    seconds: float
    peak_memory: int
    """Largest resident size, in bytes."""
    blas: str = ""
    """Name, version and kernels of the BLAS library; empty if none was loaded."""


def training(context: TrainingContext, name: str, overlay: Mapping[str, Scalar]) -> TrainingResult:
    """Run the training, and the evaluation if there is one, into the folder `name`.

    `overlay` replaces parameters of the same name. Raises `InvalidInput`, with the end of the log,
    if the training fails, runs too long, exits before its function returns, or writes other files
    than it declares.
    """
    spec, output = context.project.training, context.work / name
    output.mkdir()
    trained = _call(context, spec.entry, output, overlay, note_file=f"{name}.json")
    if not context.project.evaluation:
        _refuse_undeclared(spec, output)
        return trained
    evaluated = _call(
        context, context.project.evaluation, output, overlay, note_file=f"{name}-evaluation.json"
    )
    _refuse_undeclared(spec, output)
    peak = max(trained.peak_memory, evaluated.peak_memory)
    return TrainingResult(trained.seconds + evaluated.seconds, peak, trained.blas)


def _call(
    context: TrainingContext,
    entry: str,
    output: Path,
    overlay: Mapping[str, Scalar],
    *,
    note_file: str,
) -> TrainingResult:
    """Call one entry point of the project in its own process.

    `runner.py` writes the note when the function returns. Without a note the function did not
    return, whatever the exit status.
    """
    spec, note = context.project.training, context.work / note_file
    log = note.with_suffix(".log")
    request = {
        "source": str(context.root / "src"),
        "entry": entry,
        "data": {name: str(path) for name, path in context.data.items()},
        "output": str(output),
        "note": str(note),
        "parameters": {**spec.parameters, **overlay},
        "seed": spec.seed,
        **context.limits,
    }
    program = run(
        # -P and -s: neither this folder nor the user's site-packages can be imported.
        [str(context.python), "-P", "-s", str(RUNNER)],
        folder=context.root,
        environment={
            **context.environment,
            **mlflow_environment(context.work / f"{output.name}-mlflow"),
        },
        log=log,
        limit=spec.time_limit,
        cancelled=context.cancelled,
        request=json.dumps(request).encode() + b"\n",
    )
    if program.status != 0 or not note.is_file():
        status = program.status
        how = f"signal {-status}" if status < 0 else f"status {status}"
        raise InvalidInput(
            f"the training {entry} ended with {how}; the last lines of its log:\n{program.tail}",
            hint=f"the whole log is {log}",
        )
    values = parse_object(note.read_bytes(), note.name)
    peak, blas = values.get("peak_memory"), values.get("blas")
    return TrainingResult(
        program.seconds,
        peak if isinstance(peak, int) else 0,
        blas[:_MAX_BLAS] if isinstance(blas, str) else "",
    )


@contextmanager
def in_background(context: TrainingContext, work: Callable[[], T]) -> Iterator[Future[T]]:
    """Run `work` in the background. It is cancelled if the block raises."""
    with ThreadPoolExecutor(1) as pool:
        try:
            yield pool.submit(work)
        except BaseException:
            context.cancelled.set()
            raise


def refuse_difference(context: TrainingContext, first: str, second: str) -> None:
    """Raise `InvalidInput` if two trainings with the same inputs wrote different bytes."""
    digests, others = (_digests(context.work / name) for name in (first, second))
    names = {*digests, *others}
    different = sorted(name for name in names if digests.get(name) != others.get(name))
    if different:
        raise InvalidInput(
            f"the training {context.project.training.entry} is not repeatable: two runs on a "
            f"sample differ in {', '.join(different)}",
            hint="use the seed and the number of threads that the training is given, or declare "
            "training.repeatable = false",
        )


def _refuse_undeclared(spec: Training, output: Path) -> None:
    """Raise `InvalidInput` unless `output` holds exactly the declared files.

    Links and special files are refused even under a declared name: a link could point anywhere.
    """
    entries = {path for path in output.rglob("*") if path.is_symlink() or not path.is_dir()}
    written = {path.relative_to(output).as_posix() for path in entries}
    missing, undeclared = sorted({*spec.outputs} - written), sorted(written - {*spec.outputs})
    listed = ", ".join(undeclared[:_MAX_NAMED])
    faults = [
        *([f"wrote no {', '.join(missing)}"] if missing else []),
        *([f"wrote {listed}, which it does not declare"] if undeclared else []),
        *(
            f"wrote {path.name}, which is not a regular file"
            for path in sorted(entries)
            if path.is_symlink() or not path.is_file()
        ),
    ]
    if faults:
        raise InvalidInput(
            f"the training {spec.entry} {' and '.join(faults)}",
            hint="list exactly the files of the training in training.outputs of goldenpath.toml",
        )


def _digests(folder: Path) -> Mapping[str, str]:
    return {
        path.relative_to(folder).as_posix(): digest_file(path).text
        for path in folder.rglob("*")
        if path.is_file()
    }


def lint_and_tests(context: TrainingContext) -> tuple[Check, ...]:
    """Run lint and tests of the project. A failed check is returned, not raised."""
    return (
        _check(context, "lint", "ruff", ["check", "--no-cache", "--quiet", "."]),
        _check(context, "tests", "pytest", ["-p", "no:cacheprovider"]),
    )


def _check(context: TrainingContext, name: str, module: str, arguments: list[str]) -> Check:
    program = run(
        [str(context.python), "-P", "-s", str(RUNNER)],
        folder=context.root,
        environment=context.environment,
        log=context.work / f"{name}.log",
        limit=CHECK_LIMIT,
        cancelled=context.cancelled,
        request=json.dumps(
            {"module": module, "arguments": arguments, **context.limits, "memory": 0}
        ).encode()
        + b"\n",
    )
    passed, lines = program.status == 0, program.tail.splitlines()
    detail = (lines[-1] if lines else "no output") if passed else program.tail
    return Check(name, passed, detail, round(program.seconds, 3))
