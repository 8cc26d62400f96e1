"""The environment that trained and packed a release, as its build recorded it."""

from dataclasses import replace

from goldenpath.release.attest.policy import Verified
from goldenpath.release.evidence.provenance import Origin
from goldenpath.release.evidence.training_statements import origin_of, packages_of
from goldenpath.train.environment.environment_equality import ExecutionEnvironment
from goldenpath.train.training_run import TrainingRun


def surroundings_of(verified: Verified) -> ExecutionEnvironment | None:
    """Return the environment of a release; None without valid provenance."""
    origin = origin_of(verified)
    if origin is None:
        return None
    return replace(surroundings_then(origin), packages=packages_of(verified))


def surroundings_then(origin: Origin) -> ExecutionEnvironment:
    """Return the environment in the provenance, which has everything but the packages."""
    internal, threads = origin.internal, origin.internal.get("threads")
    platform_packages = internal.get("frame")

    def text(name: str) -> str:
        return str(internal.get(name, ""))

    return ExecutionEnvironment(
        python=text("python"),
        frame={name: str(each) for name, each in platform_packages.items()}
        if isinstance(platform_packages, dict)
        else {},
        cpu=text("cpu"),
        cpu_features=text("cpuFeatures"),
        blas=text("blas"),
        threads=threads if isinstance(threads, int) else None,
        locale=text("locale"),
        platform=text("platform"),
    )


def surroundings_now(run: TrainingRun) -> ExecutionEnvironment:
    """Return the environment of a training that has just ended."""
    environment = run.environment
    return ExecutionEnvironment(
        python=environment.python,
        packages=environment.packages,
        frame=environment.frame,
        cpu=environment.cpu,
        cpu_features=" ".join(environment.cpu_features),
        blas=environment.blas,
        threads=run.threads,
        locale=environment.locale,
        platform=environment.platform,
    )
