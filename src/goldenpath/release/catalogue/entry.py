"""The entry of a release in the catalogue, as values in the terms of MLflow.

Names and limits are those of MLflow. Everything here is pure.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from goldenpath.digest import Digest
from goldenpath.release.catalogue.tags import COMMIT_TAG, DIGEST_TAG
from goldenpath.train.mlflow_log import MlflowLog
from goldenpath.train.training_run import Environment, Metric, TrainingRun

_NOT_ALLOWED = re.compile(r"[^\w\-. :/]")
_MAX_VALUE = 5000


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a metric."""

    name: str
    value: float
    step: int = 0
    time: int | None = None
    """Milliseconds since 1970; None means the end of the run."""


@dataclass(frozen=True, slots=True)
class DatasetLink:
    """A data set that the run used, by digest."""

    name: str
    digest: str
    source: str
    rows: int


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """One release, with the run that produced it."""

    model: str
    digest: str
    source: str
    """`oci://HOST/PATH/NAME@sha256:…`: the address of the release, for people who read it."""
    started_at: str
    finished_at: str
    parameters: Mapping[str, str]
    metrics: tuple[Point, ...]
    tags: Mapping[str, str]
    datasets: tuple[DatasetLink, ...] = ()
    artifacts: tuple[tuple[str, str], ...] = ()
    """Files that the project's own code logged: path in the run, and path of the file here."""


@dataclass(frozen=True, slots=True)
class Alias:
    """A change of the alias `name` (a stage): it points at this release; empty: at none."""

    model: str
    name: str
    digest: str


@dataclass(frozen=True, slots=True)
class Version:
    """A registered version, as the catalogue names it."""

    model: str
    number: str
    run_id: str
    source: str
    is_new: bool


@dataclass(frozen=True, slots=True)
class Failure:
    """The reason why a job failed."""

    error: str
    is_missing: bool = False
    """Whether the catalogue lacks something that the job names."""


@dataclass(frozen=True, slots=True)
class Job:
    """One line to the process of the catalogue; has exactly one of the two members."""

    entry: CatalogueEntry | None = None
    alias: Alias | None = None


@dataclass(frozen=True, slots=True)
class JobAnswer:
    """One line of its answer; has exactly one of the two members."""

    version: Version | None = None
    failure: Failure | None = None


def entry(
    run: TrainingRun,
    digest: Digest,
    source: str,
    *,
    modelpack: Digest | None = None,
    statements: Mapping[str, Digest] = MappingProxyType({}),
    logged: MlflowLog | None = None,
) -> CatalogueEntry:
    """Return the entry of a release.

    `statements` has the digests of the signed documents about it, by name (`provenance`, …).
    `logged` is what the project's own code logged. It stands beside our values, with the prefix
    `logged.` where both use a name.
    """
    tags = {
        DIGEST_TAG: digest.text,
        COMMIT_TAG: run.source.commit,
        "git.remote": run.source.remote,
        "git.author": run.source.author,
        "git.signer": run.source.signer,
        "git.branch": run.source.branch,
        "git.dirty": str(run.source.dirty).lower(),
        "lock.digest": run.environment.lock_digest,
        **_machine(run.environment),
        "thresholds.digest": run.thresholds_digest,
        "training": "not trained here" if run.given else "",
    }
    if modelpack is not None:
        tags["oci.modelpack"] = modelpack.text
    tags |= {f"statement.{_allowed(name)}": each.text for name, each in statements.items()}
    parameters = {
        "seed": str(run.seed),
        "entry": run.entry,
        "threads": str(run.threads),
        **{_allowed(name): str(value)[:_MAX_VALUE] for name, value in run.parameters.items()},
    }
    points, theirs = _points(run), logged or MlflowLog({}, (), {}, ())
    return CatalogueEntry(
        model=run.model,
        digest=digest.text,
        source=source,
        started_at=run.started_at,
        finished_at=run.finished_at,
        parameters={**_beside(theirs.parameters, parameters), **parameters},
        metrics=(*points, *_also(theirs, {point.name for point in points})),
        tags=_beside(theirs.tags, tags) | {name: text for name, text in tags.items() if text},
        artifacts=tuple((name, str(path)) for name, path in theirs.artifacts),
        datasets=tuple(
            DatasetLink(each.name, each.digest, each.source or each.path, each.rows)
            for each in run.datasets
        ),
    )


def _machine(environment: Environment) -> dict[str, str]:
    """Return interpreter, packages and machine as tags."""
    versions = " ".join(f"{package.name}=={package.version}" for package in environment.packages)
    # The tag is called `frame` since version 0.1: the packages of the platform, not of the project.
    platform_packages = " ".join(
        f"{name}=={version}" for name, version in environment.frame.items()
    )
    return {
        "python": environment.python,
        "uv": environment.uv,
        "platform": environment.platform,
        "cpu": environment.cpu,
        "cpu.features": " ".join(environment.cpu_features),
        "blas": environment.blas,
        "locale": environment.locale,
        "frame": platform_packages,
        "packages": versions[:_MAX_VALUE],
    }


def _beside(theirs: Mapping[str, str], ours: Mapping[str, str]) -> dict[str, str]:
    names = {name: _apart(_allowed(name), ours) for name in theirs}
    return {names[name]: text[:_MAX_VALUE] for name, text in theirs.items()}


def _also(theirs: MlflowLog, ours: Collection[str]) -> Iterator[Point]:
    for metric in theirs.metrics:
        yield Point(_apart(_allowed(metric.name), ours), metric.value, metric.step, metric.time)


def _apart(name: str, taken: Collection[str]) -> str:
    return f"logged.{name}"[:250] if name in taken else name


def _points(run: TrainingRun) -> tuple[Point, ...]:
    measured = [point for metric in run.metrics for point in _of_metric(metric)]
    return (
        *measured,
        Point("training.seconds", run.training_seconds),
        Point("training.peak_memory", float(run.peak_memory)),
        Point("training.rows", float(run.rows_trained)),
        Point("evaluation.rows", float(run.rows_evaluated)),
        Point("largest_skew", run.largest_skew),
        *(Point(_allowed(f"check.{each.name}.seconds"), each.seconds) for each in run.checks),
    )


def _of_metric(metric: Metric) -> Sequence[Point]:
    name = metric.name if not metric.slice else f"{metric.name}/{metric.slice.replace('=', ':')}"
    bounds = ((".low", metric.low), (".high", metric.high))
    return [
        Point(_allowed(name), metric.value),
        *(Point(_allowed(name + end), value) for end, value in bounds if value is not None),
    ]


def _allowed(name: str) -> str:
    return _NOT_ALLOWED.sub("_", name)[:250]
