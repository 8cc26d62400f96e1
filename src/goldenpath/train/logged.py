"""What the project's own code told MLflow while it trained, autologged or by hand.

The training gets a file store of MLflow's in its work folder, and this reads it as plain files:
nothing there is executed, everything is bounded, and the catalogue puts it into the run that the
platform registers. Of several runs those without a parent count, later ones over earlier ones.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

MAX_VALUES = 5_000
"""Parameters, tags and metric points that are taken over, of each."""
MAX_FILES = 200
MAX_BYTES = 64 * 1024 * 1024
"""Of all artifacts together; what is beyond is left out, by whole files."""
_MAX_TEXT = 6_000
_PARENT = "mlflow.parentRunId"
_OURS = "mlflow."


@dataclass(frozen=True, slots=True)
class Reading:
    """One point of a metric; `time` in milliseconds."""

    name: str
    value: float
    time: int
    step: int


@dataclass(frozen=True, slots=True)
class Logged:
    """Everything that is taken over."""

    parameters: Mapping[str, str]
    metrics: tuple[Reading, ...]
    tags: Mapping[str, str]
    artifacts: tuple[tuple[str, Path], ...]
    """Path in the run, and file."""
    left_out: int = 0
    """Artifacts that were too many or too large."""


def read_logged(store: Path) -> Logged | None:
    """The content of a file store; None if nobody logged anything."""
    runs = [path.parent for path in store.glob("*/*/meta.yaml") if not path.parent.is_symlink()]
    runs = [run for run in runs if _PARENT not in _texts(run / "tags")]
    runs.sort(key=lambda run: (run.stat().st_mtime_ns, run.name))
    if not runs:
        return None
    parameters: dict[str, str] = {}
    tags: dict[str, str] = {}
    metrics: list[Reading] = []
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
    taken = tuple(_within(files))
    return Logged(parameters, tuple(metrics[:MAX_VALUES]), tags, taken, len(files) - len(taken))


def _texts(folder: Path) -> dict[str, str]:
    found = {}
    for path in _files(folder)[:MAX_VALUES]:
        with path.open("rb") as file:
            found[path.relative_to(folder).as_posix()] = (
                file.read(_MAX_TEXT).decode("utf-8", "replace").rstrip("\n")
            )
    return found


def _metrics(folder: Path) -> Iterator[Reading]:
    for path in _files(folder)[:MAX_VALUES]:
        name = path.relative_to(folder).as_posix()
        with path.open("rb") as file:
            for line in file.read(MAX_VALUES * 80).splitlines():
                words = line.split()
                # MLflow, file store: time in milliseconds, value, step.
                try:
                    yield Reading(name, float(words[1]), int(words[0]), int(words[2]))
                except (ValueError, IndexError):
                    continue  # a half-written line of a training that logs in the background


def _files(folder: Path) -> list[Path]:
    found = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sorted(found)


def _within(files: Mapping[str, Path]) -> Iterator[tuple[str, Path]]:
    total = 0
    for name, path in sorted(files.items())[:MAX_FILES]:
        size = path.stat().st_size
        if total + size <= MAX_BYTES:
            total += size
            yield name, path
