"""Why two trainings of one commit may differ: what is on record of both, compared. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from goldenpath.attest.provenance import Origin
from goldenpath.canonical import JsonValue
from goldenpath.train.record import Package, TrainingRun


def causes(origin: Origin, packages: Sequence[Package], run: TrainingRun) -> tuple[str, ...]:
    """One sentence for each recorded difference between the release and its repetition."""
    return (*_inputs(origin, run), *_packages(packages, run), *_machine(origin, run))


def _inputs(origin: Origin, run: TrainingRun) -> Iterator[str]:
    yield from _differs("entry point", origin.entry, run.entry)
    yield from _differs("seed", origin.seed, run.seed)
    yield from _differs("threads", origin.internal.get("threads"), run.threads)
    now: Mapping[str, JsonValue] = dict(run.parameters)
    for name in sorted({*origin.parameters, *now}):
        yield from _differs(f"parameter {name}", origin.parameters.get(name), now.get(name))
    yield from _differs("uv.lock", origin.materials.get("uv.lock"), run.environment.lock_digest)
    for dataset in run.datasets:
        yield from _differs(
            f"data {dataset.name}", origin.materials.get(dataset.name), dataset.digest
        )


def _packages(packages: Sequence[Package], run: TrainingRun) -> Iterator[str]:
    then = {package.name: package for package in packages}
    now = {package.name: package for package in run.environment.packages}
    for name in sorted({*then, *now}):
        old, new = then.get(name), now.get(name)
        if old is None or new is None:
            yield from _differs(
                f"package {name}",
                None if old is None else old.version,
                None if new is None else new.version,
            )
        elif old.version != new.version:
            yield from _differs(f"package {name}", old.version, new.version)
        elif set(old.hashes).isdisjoint(new.hashes) and old.hashes and new.hashes:
            yield from _differs(f"wheel of {name}", old.hashes[0], new.hashes[0])


def _machine(origin: Origin, run: TrainingRun) -> Iterator[str]:
    here = run.environment
    for what, key, now in (
        ("Python", "python", here.python),
        ("CPU", "cpu", here.cpu),
        ("CPU features", "cpuFeatures", " ".join(here.cpu_features)),
        ("locale", "locale", here.locale),
        ("operating system", "platform", here.platform),
    ):
        then = origin.internal.get(key)
        # A release from before a member was recorded says nothing about it.
        if then is not None:
            yield from _differs(what, then, now)


def _differs(what: str, then: JsonValue, now: JsonValue) -> Iterator[str]:
    if then != now:
        yield f"{what}: was {_shown(then)}, is {_shown(now)}"


def _shown(value: JsonValue) -> str:
    return "absent" if value is None else str(value)
