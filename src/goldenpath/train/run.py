"""Runs one training and records it, from the commit to the evaluated model.

Everything that could refuse the training is checked. Lint and tests of the project run at the same
time as the training. All of them use the files of the commit, copied before anything runs. Data are
checked again afterwards, so a change during the training is noticed.
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
from goldenpath.drift.profile import Profile
from goldenpath.drift.reference_profile import build_profile
from goldenpath.errors import InvalidInput, Unavailable
from goldenpath.processes.confinement import Confinement, confine, interpreter_files
from goldenpath.project.data_digest import digest_file
from goldenpath.project.spec import Project
from goldenpath.project.statements import THRESHOLDS
from goldenpath.settings import authority_files, training_environment
from goldenpath.times import timestamp
from goldenpath.train.data import dataset
from goldenpath.train.data.data_cache import DataCache, fetch_all_data
from goldenpath.train.environment import locked_environment
from goldenpath.train.environment.environment_cache import (
    CachedEnvironment,
    cache_key,
    cached_environment,
    record_modules,
)
from goldenpath.train.environment.lock_check import accepted_lock
from goldenpath.train.environment.uv_lock import LockedPackage
from goldenpath.train.environment.uv_program import Uv
from goldenpath.train.evaluation.evaluate import Evaluation, evaluate
from goldenpath.train.evaluation.evaluation_checks import evaluation_checks, smoke_check
from goldenpath.train.given_model import copied_materials, given_materials
from goldenpath.train.mlflow_log import MlflowLog, read_mlflow_log
from goldenpath.train.packaged_scorer import packaged_scorer, sample_check
from goldenpath.train.python_content import PythonContent, collect_content
from goldenpath.train.source.declaration import data_in_project, refuse_other_declaration
from goldenpath.train.source_state import changed_at, open_checkout
from goldenpath.train.steps import (
    TrainingContext,
    TrainingResult,
    in_background,
    lint_and_tests,
    refuse_difference,
    resource_limits,
    training,
)
from goldenpath.train.training_run import (
    Check,
    Dataset,
    Environment,
    GivenMaterial,
    SourceState,
    TrainingRun,
)

REPEATABLE = "same output twice"
"""Name of the check that two trainings on a sample write the same bytes."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A finished training: its record, its files, and the drift reference."""

    run: TrainingRun
    outputs: Path
    source: Path
    """The files of the commit, as the build used them. Releases are packed from these."""
    profile: Profile
    rows: bytes
    """The evaluation rows that the release contains."""
    content: PythonContent | None = None
    """Code and wheels, if the model is code."""
    logged: MlflowLog | None = None
    """What the project's own code logged to MLflow."""


@dataclass(frozen=True, slots=True)
class _TrainingInputs:
    """The checked inputs of a training."""

    commit: SourceState
    lock: bytes
    locked: tuple[LockedPackage, ...]
    datasets: tuple[Dataset, ...]
    context: TrainingContext
    cached: CachedEnvironment | None
    """The environment in the cache; None if the build made its own."""
    thresholds_committed_at: str
    """When a commit last changed the limits that the release has to meet."""


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
    confinement: Confinement | None = None,
) -> Trained:
    """Train the commit that is checked out, in the folder `work`, which is emptied first.

    `tools` are the environment variables of uv and git; the training gets a short list of them.
    `indexes` are the package indexes that the platform allows, by default those of the project.
    `kept` is a folder in which environments and wheels stay from one build to the next.
    `data_cache` fetches data that are not in the project; without it such data are refused.
    `confinement` is what confines the project's programs, by default all that this machine has.
    A dirty tree and failed lint or tests are recorded, not refused; a dirty tree is used as it is.

    Raises `InvalidInput` for a missing or stale lock, a lock with a source that is not allowed,
    links, missing or changed data, and a training that fails, exceeds its limits or writes other
    files than declared. Raises `Unavailable` if the environment cannot be made.
    """
    started = now()
    project = replace(project, indexes=indexes or project.indexes)
    shop = Uv(uv, tools, confinement or confine())
    with _prepared(project, work, shop, report, kept=kept, data_cache=data_cache) as inputs:
        context, lock, locked = inputs.context, inputs.lock, inputs.locked
        environment = locked_environment.describe(context.folder, lock, locked, uv=shop)
        wheels = (kept or work.parent) / "wheels"
        content = _content(inputs, environment, shop, wheels)
        with in_background(context, partial(lint_and_tests, context)) as checked:
            smoke, result = _run_trainings(context, content, report, uv)
            report("evaluating")
            with packaged_scorer(context, content, uv) as score:
                evaluation = evaluate(project, work / "outputs", score)
            if evaluation.score_difference.is_shown:
                report(f"WARNING: {evaluation.score_difference.sentence}")
            report("waiting for lint and tests")
            checks = (*checked.result(), *smoke, *evaluation_checks(evaluation, project))
        dataset.refuse_changed(context.data, project.data, "during the training")
        record_modules(inputs.cached, context.work / "bytecode")
        times = started, now()
        run = _record(inputs, environment, evaluation, checks, result=result, times=times)
        profile, logged = _profile(project, evaluation), read_mlflow_log(work / "outputs-mlflow")
        return Trained(
            run, work / "outputs", context.source, profile, evaluation.rows, content, logged
        )


def rehearse(
    project: Project,
    work: Path,
    *,
    uv: str,
    report: Callable[[str], None],
    tools: Mapping[str, str],
    kept: Path | None = None,
    data_cache: DataCache | None = None,
    confinement: Confinement | None = None,
) -> tuple[Check, ...]:
    """Run lint, tests and a training on a sample, as a check of a change before it is merged.

    Raises as `train` does. A failed check is returned, not raised.
    """
    shop = Uv(uv, tools, confinement or confine())
    with _prepared(project, work, shop, report, kept=kept, data_cache=data_cache) as inputs:
        context = inputs.context
        with in_background(context, partial(lint_and_tests, context)) as checked:
            report("training on a sample")
            smoke = training(context, "smoke", project.training.smoke_parameters)
            report("scoring the sample")
            content = _content(inputs, None, shop, (kept or work.parent) / "wheels")
            equality = sample_check(context, content, uv, "smoke")
            report("waiting for lint and tests")
            checks = (*checked.result(), equality)
        dataset.refuse_changed(context.data, project.data, "during the training")
        return (*checks, smoke_check(smoke.seconds, project))


@contextmanager
def _prepared(
    project: Project,
    work: Path,
    uv: Uv,
    report: Callable[[str], None],
    *,
    kept: Path | None,
    data_cache: DataCache | None,
) -> Iterator[_TrainingInputs]:
    root = Path(project.root)
    for weakness in uv.confinement.weaknesses:
        report(f"WARNING: programs of the project are not fully confined here: {weakness}")
    report("checking source, lock and data")
    _empty(work)
    source = work / "source"
    with open_checkout(root, uv.tools) as checkout:
        workspace = checkout.export(source, data_in_project(root, project.data))
        state, thresholds = checkout.state, changed_at(checkout.repository, THRESHOLDS)
    refuse_other_declaration(project, source)
    network = project.training.network
    lock, locked = accepted_lock(
        source, uv, project.indexes, project.file_hosts, network=network, workspace=workspace
    )
    paths = fetch_all_data(root, project.data, data_cache)
    datasets = _described(project, paths)
    report("making the locked environment")
    with _kept_environment(source, lock, kept, uv, network=network, root=root) as cached:
        context = _training_context(project, work, uv, paths=paths, cached=cached)
        yield _TrainingInputs(state, lock, locked, datasets, context, cached, thresholds)


def _content(
    inputs: _TrainingInputs, environment: Environment | None, uv: Uv, wheels: Path
) -> PythonContent | None:
    """Return code and wheels of a model that is code; None for a graph."""
    context, locked = inputs.context, inputs.locked
    if context.project.contract.python is None:
        return None
    installed = environment or locked_environment.describe(
        context.folder, inputs.lock, locked, uv=uv
    )
    return collect_content(context, installed, locked, uv=uv, kept=wheels)


def _described(project: Project, paths: Mapping[str, Path]) -> tuple[Dataset, ...]:
    """Return the records of the data. A given model is checked too, but is no data set."""
    given = {each.name for each in given_materials(project)}
    models = [source for source in project.data if source.name in given]
    dataset.refuse_changed(paths, models, "since it was pinned")
    return dataset.describe_all(paths, [s for s in project.data if s.name not in given])


def _profile(project: Project, evaluation: Evaluation) -> Profile:
    reference = evaluation.reference
    return build_profile(project.contract, reference.table, reference.scores, times=reference.times)


def _kept_environment(
    source: Path, lock: bytes, kept: Path | None, uv: Uv, *, network: bool, root: Path
) -> AbstractContextManager[CachedEnvironment | None]:
    """Return an environment from the cache; None where the project's programs could change it."""
    if kept is None or not uv.confinement.confines_files:
        return nullcontext()
    if kept.resolve().is_relative_to(root.resolve()):
        return nullcontext()
    return cached_environment(
        kept / "environments",
        cache_key(source, lock, uv.program, uv.tools),
        lambda folder: locked_environment.make_environment(source, folder, uv, network=network),
    )


def _empty(work: Path) -> None:
    try:
        if work.exists():
            shutil.rmtree(work)
        for folder in ("bytecode", "programs"):
            (work / folder).mkdir(parents=True)
    except OSError as error:
        raise Unavailable(f"{work} cannot be used as work folder: {error.strerror}") from error


def _training_context(
    project: Project,
    work: Path,
    uv: Uv,
    *,
    paths: Mapping[str, Path],
    cached: CachedEnvironment | None,
) -> TrainingContext:
    source, training = work / "source", project.training
    variables = training_environment(uv.tools, work, training.threads)
    if cached is None:
        environment = work / "made" / "environment"
        python = locked_environment.make_environment(
            source, environment, uv, network=training.network
        )
    else:
        environment, python = cached.environment, cached.python
        if cached.is_compiled:
            # With a prefix Python would not find the bytecode beside the modules. The few modules
            # without bytecode are compiled in memory.
            variables = {**variables, "PYTHONPYCACHEPREFIX": "", "PYTHONDONTWRITEBYTECODE": "1"}
    files = interpreter_files(uv.python)
    authorities = authority_files(uv.tools) if training.network else ()
    return TrainingContext(
        project, work, source, environment, python, (*files, *authorities), variables,
        threading.Event(), paths, uv.confinement,
    )  # fmt: skip


def _run_trainings(
    context: TrainingContext,
    content: PythonContent | None,
    report: Callable[[str], None],
    uv: str,
) -> tuple[tuple[Check, ...], TrainingResult]:
    """Run the smoke training and the training. Returns the checks of the former and the latter."""
    spec = context.project.training
    report("training on a sample")
    smoke = training(context, "smoke", spec.smoke_parameters)
    sample_check(context, content, uv, "smoke")
    first = smoke_check(smoke.seconds, context.project)
    if not spec.repeatable or spec.given is not None:
        report("training" if spec.given is None else "taking the given model")
        return (first,), training(context, "outputs", {})
    with in_background(
        context, partial(training, context, "again", spec.smoke_parameters)
    ) as again:
        report("training")
        result = training(context, "outputs", {})
        seconds = again.result().seconds
    refuse_difference(context, "smoke", "again")
    detail = "two trainings on a sample wrote the same bytes"
    return (first, Check(REPEATABLE, True, detail, round(seconds, 3))), result


def _record(
    inputs: _TrainingInputs,
    environment: Environment,
    evaluation: Evaluation,
    checks: tuple[Check, ...],
    *,
    result: TrainingResult,
    times: tuple[datetime, datetime],
) -> TrainingRun:
    context = inputs.context
    project, spec = context.project, context.project.training
    environment = replace(environment, blas=result.blas)
    return TrainingRun(
        model=project.name,
        source=inputs.commit,
        environment=environment,
        datasets=inputs.datasets,
        entry=spec.entry or "none: the model was given",
        seed=spec.seed,
        threads=spec.threads,
        parameters=dict(sorted(spec.parameters.items())),
        metrics=evaluation.metrics,
        checks=checks,
        thresholds_digest=_digest_of(context.source / THRESHOLDS),
        thresholds_committed_at=inputs.thresholds_committed_at,
        started_at=timestamp(times[0]),
        finished_at=timestamp(times[1]),
        training_seconds=round(result.seconds, 3),
        peak_memory=result.peak_memory,
        rows_trained=evaluation.rows_trained,
        rows_evaluated=evaluation.rows_evaluated,
        largest_skew=evaluation.largest_skew,
        rows_digest=Digest.of(evaluation.rows).text,
        rows_size=len(evaluation.rows),
        golden=evaluation.golden,
        confinement=context.confinement.measures,
        limits=resource_limits(spec),
        network=spec.network,
        indexes=project.indexes,
        file_hosts=project.file_hosts,
        given=given_materials(project) or _copied(context),
        outputs={
            path.relative_to(context.work / "outputs").as_posix(): digest_file(path).text
            for path in sorted((context.work / "outputs").rglob("*"))
            if path.is_file()
        },
    )


def _copied(context: TrainingContext) -> tuple[GivenMaterial, ...]:
    return copied_materials(context.project, context.source, context.data, context.work / "outputs")


def _digest_of(path: Path) -> str:
    if not path.is_file():
        raise InvalidInput(
            f"{path} is missing: expected the limits that the release has to meet",
            hint="write it; goldenpath check lists all missing statements",
        )
    return Digest.of(path.read_bytes()).text
