"""Lists the differences between two environments that can change a model's answers.

Pure functions. They compare the environment of a training with the one that serves the model, and
with the one that reproduces the training.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from goldenpath.train.environment.runtime import Runtime
from goldenpath.train.training_run import Package


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionEnvironment:
    """Everything outside the model's files that its answers may depend on.

    Empty fields were not recorded.
    """

    python: str = ""
    packages: Sequence[Package] = ()
    frame: Mapping[str, str] = field(default_factory=dict)
    """Versions of the packages with which the platform runs an ONNX graph."""
    cpu: str = ""
    cpu_features: str = ""
    blas: str = ""
    threads: int | None = None
    locale: str = ""
    platform: str = ""


def machine_differences(then: ExecutionEnvironment, now: ExecutionEnvironment) -> Iterator[str]:
    """Yield one sentence for each difference of interpreter, processor, arithmetic and system."""
    for name, before, after in (
        ("Python", then.python, now.python),
        ("CPU", then.cpu, now.cpu),
        ("CPU features", then.cpu_features, now.cpu_features),
        ("BLAS", then.blas, now.blas),
        ("threads", then.threads, now.threads),
        ("locale", then.locale, now.locale),
        ("operating system", then.platform, now.platform),
    ):
        # A field that one side did not record cannot be compared.
        if before not in ("", None) and after not in ("", None):
            yield from differs(name, before, after)


def frame_differences(then: ExecutionEnvironment, now: ExecutionEnvironment) -> Iterator[str]:
    """Yield one sentence for each of the platform's packages that has another version."""
    for name in sorted({*then.frame} & {*now.frame}):
        yield from differs(f"{name} of the platform", then.frame[name], now.frame[name])


def package_differences(then: Sequence[Package], now: Sequence[Package]) -> Iterator[str]:
    """Yield one sentence for each package that is gone, is new, or has another version or wheel."""
    before = {package.name: package for package in then}
    after = {package.name: package for package in now}
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if old is None or new is None:
            yield from differs(
                f"package {name}", old.version if old else None, new.version if new else None
            )
        elif old.version != new.version:
            yield from differs(f"package {name}", old.version, new.version)
        elif set(old.hashes).isdisjoint(new.hashes) and old.hashes and new.hashes:
            yield from differs(f"wheel of {name}", old.hashes[0], new.hashes[0])


def served_differences(then: ExecutionEnvironment, runtime: Runtime) -> Iterator[str]:
    """Yield the differences between the training's environment and that of a model that is code.

    Packages that only the training needs (those of dependency groups) are no difference.
    """
    served = [Package(wheel.name, wheel.version, (wheel.digest,)) for wheel in runtime.wheels]
    names = {package.name for package in served}
    trained = [package for package in then.packages if package.name in names]
    yield from package_differences(trained, served)
    if then.python:
        yield from differs("Python", then.python, runtime.python)


def differs(name: str, then: object, now: object) -> Iterator[str]:
    """Yield a sentence if the two values differ."""
    if then != now:
        yield f"{name}: was {_shown(then)}, is {_shown(now)}"


def _shown(value: object) -> str:
    return "absent" if value is None else str(value)
