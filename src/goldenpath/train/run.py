"""One training from the commit to its record: everything that could refuse it is asked on the way.

Lint and tests of the project run beside the training. Whatever the training was given is looked at
again afterwards, so that nothing can have changed meanwhile.
"""

import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path

from goldenpath.digest import Digest
from goldenpath.drift.profile import Profile, build_profile
from goldenpath.errors import InvalidInput, Unavailable
from goldenpath.project.data_digest import digest_file
from goldenpath.project.spec import MODEL, REFERENCE, Project
from goldenpath.project.statements import THRESHOLDS
from goldenpath.settings import training_environment
from goldenpath.times import timestamp
from goldenpath.train import source_state
from goldenpath.train.data import dataset
from goldenpath.train.data.data_cache import DataCache, fetch_all_data
from goldenpath.train.environment import locked_environment
from goldenpath.train.environment.environment_cache import (
    CachedEnvironment,
    cache_key,
    cached_environment,
    record_modules,
)
from goldenpath.train.environment.hardware import can_confine
from goldenpath.train.environment.uv_lock import LockedPackage, parse_lock, refuse_sources
from goldenpath.train.evaluation.evaluate import KEY, Evaluation, evaluate, refuse_missing
from goldenpath.train.evaluation.score import Scorer, onnx_scorer
from goldenpath.train.logged import Logged, read_logged
from goldenpath.train.python_content import PythonContent, gather, lay_out, served
from goldenpath.train.steps import (
    Bench,
    Made,
    lint_and_tests,
    meanwhile,
    refuse_difference,
    training,
)
from goldenpath.train.training_run import Check, Dataset, Environment, SourceState, TrainingRun

MAX_SKEW = 1e-4
"""Difference between the scores of training and packaged model that is rounding."""
REPEATABLE = "same output twice"
"""The check that two trainings on a sample write the same bytes."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A finished training: its record, its files, and the reference for drift."""

    run: TrainingRun
    outputs: Path
    profile: Profile
    rows: bytes
    """The evaluation rows that travel with the release."""
    content: PythonContent | None = None
    """For a model that is code: what it is served from."""
    logged: Logged | None = None
    """What the project's own code told MLflow."""


@dataclass(frozen=True, slots=True)
class _Ready:
    """Everything that a training starts from, checked."""

    commit: SourceState
    lock: bytes
    locked: tuple[LockedPackage, ...]
    datasets: tuple[Dataset, ...]
    bench: Bench
    place: CachedEnvironment | None
    """Where the environment is kept, if it is."""


def train(
    project: Project,
    work: Path,
    *,
    uv: str,
    now: Callable[[], datetime],
    report: Callable[[str], None],
    tools: Mapping[str, str],
    indexes: tuple[str, ...] = (),
    kept: Path | None = None,
    data_cache: DataCache | None = None,
    closed: tuple[Path, ...] = (),
) -> Trained:
    """Trains the project as it is checked out, in the folder `work`, which is emptied first.

    `tools` is the environment for uv and git; the training itself sees a short list of it.
    `indexes` are the package indexes that the platform allows; those of the project otherwise.
    `kept` is a folder in which environments and wheels stay from one build to the next.
    `data_cache` fetches data that are not in the project; without one there may be none.
    `closed` are folders in which the project's programs read only what is theirs.
    A dirty tree, and lint or tests that fail, are recorded and not refused here.

    Raises `InvalidInput` for a missing or stale lock or one with other sources, for missing or
    changed data, for a training that fails, hangs or writes what cannot be used, and if source or
    data change meanwhile; `Unavailable` if the environment cannot be made.
    """
    root, started = Path(project.root), now()
    allowed = indexes or project.indexes
    with _prepared(
        project, work, uv, report, tools=tools, indexes=allowed, kept=kept, data_cache=data_cache
    ) as ready:
        bench, lock, locked = replace(ready.bench, closed=closed), ready.lock, ready.locked
        installed = locked_environment.describe(bench.folder, bench.python, lock, locked, uv=uv)
        content = None
        if project.contract.python is not None:
            wheels = (kept or work.parent) / "wheels"
            content = gather(bench, installed, locked, uv=uv, tools=tools, kept=wheels)
        with meanwhile(bench, partial(lint_and_tests, bench)) as checked:
            smoke, made = _trained(bench, report)
            report("evaluating")
            with _scorer(bench, content, uv, tools) as score:
                evaluation = evaluate(project, work / "outputs", score)
            report("waiting for lint and tests")
            checks = (*checked.result(), *smoke, *_verdicts(evaluation))
        dataset.refuse_changed(bench.data, project.data, "during the training")
        _refuse_moved(ready.commit, source_state.read_source(root, tools))
        record_modules(ready.place, bench.work / "bytecode")
        times = started, now()
        run = _record(ready, installed, evaluation, checks, made=made, times=times, tools=tools)
        profile, logged = _profile(project, evaluation), read_logged(work / "outputs-mlflow")
        return Trained(run, work / "outputs", profile, evaluation.rows, content, logged)


def rehearse(
    project: Project,
    work: Path,
    *,
    uv: str,
    report: Callable[[str], None],
    tools: Mapping[str, str],
    kept: Path | None = None,
    data_cache: DataCache | None = None,
    closed: tuple[Path, ...] = (),
) -> tuple[Check, ...]:
    """Lint, tests and a training on a sample: what a change is asked before it is merged.

    Raises as `train` does; a check that failed is told and not raised.
    """
    allowed = project.indexes
    with _prepared(
        project, work, uv, report, tools=tools, indexes=allowed, kept=kept, data_cache=data_cache
    ) as ready:
        bench = replace(ready.bench, closed=closed)
        with meanwhile(bench, partial(lint_and_tests, bench)) as checked:
            report("training on a sample")
            smoke = training(bench, "smoke", project.training.smoke_parameters)
            report("waiting for lint and tests")
            checks = checked.result()
        dataset.refuse_changed(bench.data, project.data, "during the training")
        return (*checks, _smoke_check(smoke))


@contextmanager
def _prepared(
    project: Project,
    work: Path,
    uv: str,
    report: Callable[[str], None],
    *,
    tools: Mapping[str, str],
    indexes: tuple[str, ...],
    kept: Path | None,
    data_cache: DataCache | None,
) -> Iterator[_Ready]:
    root = Path(project.root)
    report("checking source, lock and data")
    commit = source_state.read_source(root, tools)
    lock = locked_environment.read_lock(root)
    locked = parse_lock(lock)
    # Before uv looks at the lock: it would ask whichever index stands in it.
    refuse_sources(locked, indexes)
    locked_environment.refuse_stale(root, uv, tools)
    paths = fetch_all_data(root, project.data, data_cache)
    datasets = dataset.describe_all(paths, project.data)
    report("making the locked environment")
    with _kept_environment(root, lock, kept, uv, tools=tools) as place:
        bench = _bench(project, work, uv, tools, paths=paths, place=place)
        yield _Ready(commit, lock, locked, datasets, bench, place)


def _profile(project: Project, evaluation: Evaluation) -> Profile:
    seen = evaluation.reference
    return build_profile(project.contract, seen.table, seen.scores)


@contextmanager
def _scorer(
    bench: Bench, content: PythonContent | None, uv: str, tools: Mapping[str, str]
) -> Iterator[Scorer]:
    """What asks the packaged model: in the frame, or in the environment it is served from."""
    outputs, contract = bench.work / "outputs", bench.project.contract
    if content is None or contract.python is None:
        refuse_missing(outputs, MODEL)
        yield onnx_scorer(outputs / MODEL, contract)
        return
    place = bench.work / "content"
    python = lay_out(content, outputs, place, uv=uv, tools=tools)
    limits = {**bench.limits, "memory": 0}
    with served(
        contract, contract.python, place, python, seen=bench.environment, limits=limits
    ) as score:
        yield score


def _kept_environment(
    root: Path, lock: bytes, kept: Path | None, uv: str, *, tools: Mapping[str, str]
) -> AbstractContextManager[CachedEnvironment | None]:
    """An environment that may be used again; None where a project's programs could change it."""
    if kept is None or not can_confine() or kept.resolve().is_relative_to(root.resolve()):
        return nullcontext()
    # Copies: a file that uv's cache has as well could be changed there.
    apart = {**tools, "UV_LINK_MODE": "copy"}
    return cached_environment(
        kept / "environments",
        cache_key(root, lock, uv, tools),
        lambda folder: locked_environment.make_environment(root, folder, uv, apart),
    )


def _bench(
    project: Project,
    work: Path,
    uv: str,
    tools: Mapping[str, str],
    *,
    paths: Mapping[str, Path],
    place: CachedEnvironment | None,
) -> Bench:
    try:
        if work.exists():
            shutil.rmtree(work)
        for folder in ("home", "temporary"):
            (work / folder).mkdir(parents=True)
    except OSError as error:
        raise Unavailable(f"{work} cannot be used to build in: {error.strerror}") from error
    seen = training_environment(tools, work, project.training.threads)
    made = work / "environment" if place is None else place.environment
    if place is None:
        python = locked_environment.make_environment(Path(project.root), made, uv, tools)
    else:
        python = place.python
        if place.is_compiled:
            # What is not compiled there yet is little, and would not be looked for elsewhere.
            seen = {**seen, "PYTHONPYCACHEPREFIX": "", "PYTHONDONTWRITEBYTECODE": "1"}
    return Bench(project, work, made, python, seen, threading.Event(), paths)


def _trained(bench: Bench, report: Callable[[str], None]) -> tuple[tuple[Check, ...], Made]:
    """The training, and what the training on a sample before it showed."""
    spec = bench.project.training
    report("training on a sample")
    smoke = training(bench, "smoke", spec.smoke_parameters)
    if not spec.repeatable:
        report("training")
        return (_smoke_check(smoke),), training(bench, "outputs", {})
    with meanwhile(bench, partial(training, bench, "again", spec.smoke_parameters)) as again:
        report("training")
        made = training(bench, "outputs", {})
        seconds = again.result().seconds
    refuse_difference(bench, "smoke", "again")
    said = "two trainings on a sample wrote the same bytes"
    return (_smoke_check(smoke), Check(REPEATABLE, True, said, round(seconds, 3))), made


def _smoke_check(smoke: Made) -> Check:
    return Check("smoke training", True, "ended well on a sample", round(smoke.seconds, 3))


def _verdicts(evaluation: Evaluation) -> tuple[Check, ...]:
    skew = evaluation.largest_skew
    return (
        Check(
            "equality of the export",
            skew <= MAX_SKEW,
            f"scores of training and packaged model differ by at most {skew:.2g}, "
            f"allowed {MAX_SKEW:g}",
            0.0,
        ),
        _leakage(evaluation),
    )


def _leakage(evaluation: Evaluation) -> Check:
    shared, repeated = evaluation.shared_keys, evaluation.repeated_keys
    if shared is None:
        said = f"{REFERENCE} has no {KEY!r}, so that nobody can say whether rows are in both"
        return Check("no leakage", False, said, 0.0)
    said = f"{shared} keys are among the training rows and the evaluation rows"
    said += f"; {repeated} training rows repeat a key, no evaluation row does"
    return Check("no leakage", shared == 0, said, 0.0)


def _refuse_moved(before: SourceState, after: SourceState) -> None:
    if (before.commit, before.dirty) != (after.commit, after.dirty):
        raise InvalidInput(
            f"the source changed during the training: expected commit {before.commit[:12]} as it "
            f"was, got {after.commit[:12]}{' with changes' if after.dirty else ''}",
            hint="leave the project alone while it builds, and build again",
        )


def _record(
    ready: _Ready,
    installed: Environment,
    evaluation: Evaluation,
    checks: tuple[Check, ...],
    *,
    made: Made,
    times: tuple[datetime, datetime],
    tools: Mapping[str, str],
) -> TrainingRun:
    bench = ready.bench
    project, spec = bench.project, bench.project.training
    installed = replace(installed, blas=made.blas)
    return TrainingRun(
        model=project.name,
        source=ready.commit,
        environment=installed,
        datasets=ready.datasets,
        entry=spec.entry,
        seed=spec.seed,
        threads=spec.threads,
        parameters=dict(sorted(spec.parameters.items())),
        metrics=evaluation.metrics,
        checks=checks,
        thresholds_digest=_digest_of(bench.root / THRESHOLDS),
        thresholds_committed_at=source_state.changed_at(bench.root, THRESHOLDS, tools),
        started_at=timestamp(times[0]),
        finished_at=timestamp(times[1]),
        training_seconds=round(made.seconds, 3),
        peak_memory=made.peak_memory,
        rows_trained=evaluation.rows_trained,
        rows_evaluated=evaluation.rows_evaluated,
        largest_skew=evaluation.largest_skew,
        rows_digest=Digest.of(evaluation.rows).text,
        rows_size=len(evaluation.rows),
        golden=evaluation.golden,
        outputs={
            path.relative_to(bench.work / "outputs").as_posix(): digest_file(path).text
            for path in sorted((bench.work / "outputs").rglob("*"))
            if path.is_file()
        },
    )


def _digest_of(path: Path) -> str:
    if not path.is_file():
        raise InvalidInput(
            f"{path} is missing: expected the limits that this release has to reach",
            hint="goldenpath check names every statement that is missing",
        )
    return Digest.of(path.read_bytes()).text
