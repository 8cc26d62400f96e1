"""Causes of a difference between two trainings of one commit, by comparing their records. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from goldenpath.canonical import JsonValue
from goldenpath.release.evidence.provenance import Origin
from goldenpath.release.evidence.recorded_environment import surroundings_now, surroundings_then
from goldenpath.train.environment.environment_equality import (
    differs,
    machine_differences,
    package_differences,
)
from goldenpath.train.training_run import Package, TrainingRun


def causes(origin: Origin, packages: Sequence[Package], run: TrainingRun) -> tuple[str, ...]:
    """Return one sentence for each recorded difference between a release and its repetition."""
    environment = run.environment
    return (
        *_inputs(origin, run),
        *package_differences(packages, environment.packages),
        *machine_differences(surroundings_then(origin), surroundings_now(run)),
    )


def _inputs(origin: Origin, run: TrainingRun) -> Iterator[str]:
    yield from differs("entry point", origin.entry, run.entry)
    yield from differs("seed", origin.seed, run.seed)
    now: Mapping[str, JsonValue] = dict(run.parameters)
    for name in sorted({*origin.parameters, *now}):
        yield from differs(f"parameter {name}", origin.parameters.get(name), now.get(name))
    yield from differs("uv.lock", origin.materials.get("uv.lock"), run.environment.lock_digest)
    for dataset in run.datasets:
        yield from differs(
            f"data {dataset.name}", origin.materials.get(dataset.name), dataset.digest
        )
