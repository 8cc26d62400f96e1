"""Reads what the project's own code logged to MLflow while it trained.

The training gets an MLflow file store in its work folder. It is read as plain files, within
bounds, and nothing in it is executed. The catalogue adds the content to the run that the platform
registers. Nested runs are ignored. If there are several runs, later values replace earlier ones.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

MAX_VALUES = 5_000
"""Largest number of parameters, of tags and of metric points that are read."""
MAX_FILES = 200
"""Largest number of artifacts."""
MAX_BYTES = 64 * 1024 * 1024
"""Largest size of all artifacts together. A file that would exceed it is left out."""
_MAX_TEXT = 6_000
_PARENT = "mlflow.parentRunId"
_OURS = "mlflow."


@dataclass(frozen=True, slots=True)
class MetricPoint:
    """One logged value of a metric. `time` is in milliseconds since 1970."""

    name: str
    value: float
    time: int
    step: int


@dataclass(frozen=True, slots=True)
class MlflowLog:
    """The logged values and artifacts of one training."""

    parameters: Mapping[str, str]
    metrics: tuple[MetricPoint, ...]
    tags: Mapping[str, str]
    artifacts: tuple[tuple[str, Path], ...]
    """For each artifact, its path in the run and its file."""
    left_out: int = 0
    """Number of artifacts beyond the limits."""


def read_mlflow_log(store: Path) -> MlflowLog | None:
    """Return the content of an MLflow file store; None if nothing was logged.

    Links are ignored, because a training can make them lead anywhere.
    """
    runs = [path.parent for path in store.glob("*/*/meta.yaml")]
    runs = [run for run in runs if not run.is_symlink() and not run.parent.is_symlink()]
    runs = [run for run in runs if _PARENT not in _texts(run / "tags")]
    runs.sort(key=lambda run: (run.stat().st_mtime_ns, run.name))
    if not runs:
        return None
    parameters: dict[str, str] = {}
    tags: dict[str, str] = {}
    metrics: list[MetricPoint] = []
    files: dict[str, Path] = {}
    for run in runs:
        parameters |= _texts(run / "params")
        tags |= {
            name: text for name, text in _texts(run / "tags").items() if not name.startswith(_OURS)
        }
        metrics += _metrics(run / "metrics")
        files |= {
            path.relative_to(run / "artifacts").as_posix(): path
            for path in _files(run / "artifacts")
        }
    artifacts = tuple(_within_limits(files))
    left_out = len(files) - len(artifacts)
    return MlflowLog(parameters, tuple(metrics[:MAX_VALUES]), tags, artifacts, left_out)


def _texts(folder: Path) -> dict[str, str]:
    texts = {}
    for path in _files(folder)[:MAX_VALUES]:
        with path.open("rb") as file:
            text = file.read(_MAX_TEXT).decode("utf-8", "replace").rstrip("\n")
        texts[path.relative_to(folder).as_posix()] = text
    return texts


def _metrics(folder: Path) -> Iterator[MetricPoint]:
    for path in _files(folder)[:MAX_VALUES]:
        name = path.relative_to(folder).as_posix()
        with path.open("rb") as file:
            for line in file.read(MAX_VALUES * 80).splitlines():
                fields = line.split()
                # A line of MLflow's file store: time in milliseconds, value, step.
                try:
                    yield MetricPoint(name, float(fields[1]), int(fields[0]), int(fields[2]))
                except (ValueError, IndexError):
                    continue  # an incomplete line of a training that logs in the background


def _files(folder: Path) -> list[Path]:
    if folder.is_symlink():
        return []
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _within_limits(files: Mapping[str, Path]) -> Iterator[tuple[str, Path]]:
    total = 0
    for name, path in sorted(files.items())[:MAX_FILES]:
        size = path.stat().st_size
        if total + size <= MAX_BYTES:
            total += size
            yield name, path
