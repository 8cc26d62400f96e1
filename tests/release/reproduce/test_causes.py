"""The records of two trainings are compared without a training."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from goldenpath.digest import Digest
from goldenpath.release.evidence.provenance import Origin, provenance, read_provenance
from goldenpath.release.reproduce.causes import causes
from goldenpath.train.training_run import Package, TrainingRun
from tests.release.attest.runs import BUILDER, training_run

RUN = replace(
    training_run(),
    environment=replace(
        training_run().environment,
        cpu_features=("avx2",),
        locale="C",
        blas="openblas 0.3.30 Haswell",
        frame={"onnxruntime": "1.32.0"},
    ),
)


def _origin(run: TrainingRun) -> Origin:
    return read_provenance(provenance(run, builder=BUILDER, documents={}))


def test_two_equal_records_have_no_cause() -> None:
    assert causes(_origin(RUN), RUN.environment.packages, RUN) == ()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"seed": 8}, "seed: was 7, is 8"),
        ({"threads": 4}, "threads: was 1, is 4"),
        ({"parameters": {**RUN.parameters, "trees": 9}}, "parameter trees: was 200, is 9"),
    ],
)
def test_a_changed_request_is_named(changed: Mapping[str, object], said: str) -> None:
    now = replace(RUN, **changed)  # type: ignore[arg-type]

    assert causes(_origin(RUN), RUN.environment.packages, now) == (said,)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"python": "3.12.1"}, "Python: was 3.11.7, is 3.12.1"),
        ({"cpu": "another"}, "CPU: was a processor, is another"),
        ({"cpu_features": ("avx2", "fma")}, "CPU features: was avx2, is avx2 fma"),
        ({"locale": "C.UTF-8"}, "locale: was C, is C.UTF-8"),
        ({"blas": "mkl 2026"}, "BLAS: was openblas 0.3.30 Haswell, is mkl 2026"),
        ({"packages": RUN.environment.packages[1:]}, "package numpy: was 2.3.5+local, is absent"),
        (
            {"packages": (Package("numpy", "2.4.0", ()), *RUN.environment.packages[1:])},
            "package numpy: was 2.3.5+local, is 2.4.0",
        ),
    ],
)
def test_a_changed_machine_is_named(changed: Mapping[str, object], said: str) -> None:
    environment = replace(RUN.environment, **changed)  # type: ignore[arg-type]

    found = causes(_origin(RUN), RUN.environment.packages, replace(RUN, environment=environment))

    assert found == (said,)


def test_another_wheel_of_the_same_version_is_named() -> None:
    other = Package("numpy", "2.3.5+local", (Digest.of(b"rebuilt").text,))
    packages = (other, *RUN.environment.packages[1:])
    now = replace(RUN, environment=replace(RUN.environment, packages=packages))

    (cause,) = causes(_origin(RUN), RUN.environment.packages, now)

    assert cause.startswith("wheel of numpy: was sha256:")
