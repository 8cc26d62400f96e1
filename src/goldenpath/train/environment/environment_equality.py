"""Whether two environments are the same as far as a model's answers go, each difference named.

Pure. What trained, packed and serves a model are compared here, and so are a training and its
repetition.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from goldenpath.train.environment.runtime import Runtime
from goldenpath.train.training_run import Package


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What answers of a model may depend on beside its own files; empty where nobody recorded."""

    python: str = ""
    packages: Sequence[Package] = ()
    frame: Mapping[str, str] = field(default_factory=dict)
    """Versions of what the platform itself runs an ONNX graph with."""
    cpu: str = ""
    cpu_features: str = ""
    blas: str = ""
    threads: int | None = None
    locale: str = ""
    platform: str = ""


def machine_differences(then: Surroundings, now: Surroundings) -> Iterator[str]:
    """One sentence for each difference of interpreter, processor, arithmetic and system."""
    for what, before, after in (
        ("Python", then.python, now.python),
        ("CPU", then.cpu, now.cpu),
        ("CPU features", then.cpu_features, now.cpu_features),
        ("BLAS", then.blas, now.blas),
        ("threads", then.threads, now.threads),
        ("locale", then.locale, now.locale),
        ("operating system", then.platform, now.platform),
    ):
        # Where one side recorded nothing there is nothing to compare.
        if before not in ("", None) and after not in ("", None):
            yield from differs(what, before, after)


def frame_differences(then: Surroundings, now: Surroundings) -> Iterator[str]:
    """One sentence for each package of the frame that has another version."""
    for name in sorted({*then.frame} & {*now.frame}):
        yield from differs(f"{name} of the frame", then.frame[name], now.frame[name])


def package_differences(then: Sequence[Package], now: Sequence[Package]) -> Iterator[str]:
    """One sentence for each package that is gone, new, of another version, or another wheel."""
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


def served_differences(then: Surroundings, runtime: Runtime) -> Iterator[str]:
    """What the environment of a model that is code has otherwise than the one that trained it.

    Packages of the training that are not served (those of dependency groups) are no difference.
    """
    served = [Package(each.name, each.version, (each.digest,)) for each in runtime.wheels]
    names = {package.name for package in served}
    yield from package_differences([each for each in then.packages if each.name in names], served)
    if then.python:
        yield from differs("Python", then.python, runtime.python)


def differs(what: str, then: object, now: object) -> Iterator[str]:
    """The sentence, if there is a difference."""
    if then != now:
        yield f"{what}: was {_shown(then)}, is {_shown(now)}"


def _shown(value: object) -> str:
    return "absent" if value is None else str(value)
