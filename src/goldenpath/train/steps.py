"""The programs of one build: lint, tests, smoke training and training. Each has its own session."""

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from goldenpath.canonical import JsonValue, parse_object
from goldenpath.errors import InvalidInput
from goldenpath.files import open_below
from goldenpath.processes.confinement import Confinement, Sandbox
from goldenpath.project.data_digest import digest_file
from goldenpath.project.spec import Project, Scalar, Training
from goldenpath.settings import mlflow_environment
from goldenpath.train.given_model import SMOKE_ROWS, write_given
from goldenpath.train.program import ProgramResult, run
from goldenpath.train.training_run import Check

CHECK_LIMIT = 1800.0
"""Longest duration of lint, and of the tests, in seconds."""
TEMPORARY = 1024
"""MiB of the private `/tmp` of a program."""
MOST_TASKS = 4096
"""Processes and threads that a program may have at a time."""
_NOTE, _MAX_NOTE = "note.json", 64 * 1024
_MAX_BLAS, _MAX_NAMED = 1000, 20
T = TypeVar("T")
RUNNER = Path(__file__).with_name("runner.py")


@dataclass(frozen=True, slots=True)
class TrainingContext:
    """What the programs of one build share: project, folders, interpreter and confinement."""

    project: Project
    work: Path
    """The work folder of the build."""
    source: Path
    """The files of the commit. No program reaches this folder: each gets a copy of its own."""
    folder: Path
    """The virtual environment of the project."""
    python: Path
    """Its interpreter."""
    installation: tuple[Path, ...]
    """The files of the Python that the environment was made from."""
    environment: Mapping[str, str]
    """The environment variables of the programs."""
    cancelled: threading.Event
    """Set when the build fails: its programs are killed."""
    data: Mapping[str, Path]
    """The local path of each source of data, by name."""
    confinement: Confinement

    @property
    def root(self) -> Path:
        """The folder of the project."""
        return Path(self.project.root)


@dataclass(frozen=True, slots=True)
class _Room:
    """The folder of one program: its copy of the source, its home and its temporary files."""

    folder: Path
    source: Path
    data: Mapping[str, Path]
    """The path of each source of data, as the program sees it."""
    environment: Mapping[str, str]
    sandbox: Sandbox


def _room(context: TrainingContext, name: str, *writable: Path, memory: int = 0) -> _Room:
    """Make the folder of a program, and allow it what it needs and nothing else.

    Data in the project are links to the work tree: their bytes have the digest of the declaration.
    """
    folder = context.work / "programs" / name
    source = folder / "source"
    shutil.copytree(context.source, source, symlinks=True)
    for part in ("home", "temporary"):
        (folder / part).mkdir()
    data = {}
    for key, path in context.data.items():
        data[key] = path
        if path.is_relative_to(context.root):
            data[key] = source / path.relative_to(context.root)
            data[key].parent.mkdir(parents=True, exist_ok=True)
            data[key].symlink_to(path.resolve())
    bytecode = context.work / "bytecode"
    sandbox = Sandbox(
        readable=(context.folder, *context.installation, *context.data.values(), RUNNER),
        writable=(folder, bytecode, *writable),
        network=context.project.training.network,
        temporary=TEMPORARY,
        limits={"RLIMIT_DATA": memory * 1024 * 1024} if memory else {},
        most_tasks=MOST_TASKS,
        most_memory=memory,
    )
    places = {"HOME": str(folder / "home"), "TMPDIR": str(folder / "temporary")}
    return _Room(folder, source, data, {**context.environment, **places}, sandbox)


def resource_limits(spec: Training) -> Mapping[str, int]:
    """Return the limits of a training as the provenance records them."""
    memory = {"MiB of memory": spec.memory_limit} if spec.memory_limit else {}
    return {"processes and threads": MOST_TASKS, "seconds": int(spec.time_limit), **memory}


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
    if spec.given is not None:
        return _given(context, output, sample=name != "outputs")
    trained = _call(context, spec.entry, output, overlay, name=name)
    if not context.project.evaluation:
        _refuse_undeclared(spec, output)
        return trained
    evaluated = _call(
        context, context.project.evaluation, output, overlay, name=f"{name}-evaluation"
    )
    _refuse_undeclared(spec, output)
    peak = max(trained.peak_memory, evaluated.peak_memory)
    return TrainingResult(trained.seconds + evaluated.seconds, peak, trained.blas)


def _given(context: TrainingContext, output: Path, *, sample: bool) -> TrainingResult:
    """Take the given model and its rows instead of a training; no program runs."""
    started = time.monotonic()
    write_given(context.project, context.data, output, SMOKE_ROWS if sample else 0)
    _refuse_undeclared(context.project.training, output)
    return TrainingResult(time.monotonic() - started, 0)


def _call(
    context: TrainingContext,
    entry: str,
    output: Path,
    overlay: Mapping[str, Scalar],
    *,
    name: str,
) -> TrainingResult:
    """Call one entry point of the project in its own process.

    `runner.py` writes the note when the function returns. Without a note the function did not
    return, whatever the exit status.
    """
    spec, mlflow = context.project.training, context.work / f"{output.name}-mlflow"
    log = context.work / f"{name}.log"
    mlflow.mkdir(exist_ok=True)
    room = _room(context, name, output, mlflow, memory=spec.memory_limit)
    request = {
        "source": str(room.source / "src"),
        "entry": entry,
        "data": {name: str(path) for name, path in room.data.items()},
        "output": str(output),
        "note": str(room.folder / _NOTE),
        "parameters": {**spec.parameters, **overlay},
        "seed": spec.seed,
    }
    program = _run(
        context, room, request, log, limit=spec.time_limit, variables=mlflow_environment(mlflow)
    )
    values = _note(room) if program.status == 0 else None
    if values is None:
        status = program.status
        how = f"signal {-status}" if status < 0 else f"status {status}"
        raise InvalidInput(
            f"the training {entry} ended with {how}; the last lines of its log:\n{program.tail}",
            hint=f"the whole log is {log}",
        )
    peak, blas = values.get("peak_memory"), values.get("blas")
    return TrainingResult(
        program.seconds,
        peak if isinstance(peak, int) else 0,
        blas[:_MAX_BLAS] if isinstance(blas, str) else "",
    )


def _run(
    context: TrainingContext,
    room: _Room,
    request: Mapping[str, object],
    log: Path,
    *,
    limit: float,
    variables: Mapping[str, str] | None = None,
) -> ProgramResult:
    # -P and -s: neither the folder of runner.py nor the user's site-packages can be imported.
    command = [str(context.python), "-P", "-s", str(RUNNER)]
    return run(
        context.confinement.command(command, room.sandbox, room.source),
        folder=room.source,
        environment={**room.environment, **(variables or {})},
        log=log,
        limit=limit,
        cancelled=context.cancelled,
        request=json.dumps(request).encode() + b"\n",
    )


def _note(room: _Room) -> Mapping[str, JsonValue] | None:
    """Return what `runner.py` noted, None if it did not. The folder may hold anything by now."""
    try:
        with open_below(room.folder, _NOTE) as file:
            return parse_object(file.read(_MAX_NOTE), "the note of the training")
    except (OSError, InvalidInput):
        return None


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
    room, log = _room(context, name), context.work / f"{name}.log"
    request = {"module": module, "arguments": arguments}
    program = _run(context, room, request, log, limit=CHECK_LIMIT)
    passed, lines = program.status == 0, program.tail.splitlines()
    detail = (lines[-1] if lines else "no output") if passed else program.tail
    return Check(name, passed, detail, round(program.seconds, 3))
