"""A model answers as it did when it was built, or it does not serve."""

import asyncio
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from goldenpath.errors import GoldenPathError, VerificationError
from goldenpath.release.attest.attach import attach
from goldenpath.release.attest.policy import Policy, TrustedKey, Verified
from goldenpath.release.attest.verify import verify
from goldenpath.release.evidence.training_statements import statements
from goldenpath.serve.model.loaded_release import load
from goldenpath.serve.model.model import OnnxModel
from goldenpath.serve.model.startup_checks import expected_of, refuse_other_answers
from goldenpath.train.environment.runtime import Runtime, Wheel
from goldenpath.train.evaluation.golden import make_golden
from goldenpath.train.training_run import Package, TrainingRun
from tests.release.attest.releases import NOW
from tests.release.attest.runs import BUILDER, training_run
from tests.serve.process import Packed, packed, started
from tests.serve.running import CONTRACT, WEIGHTS, LinearModel

# This model has no answer where a value is missing, so none is asked.
WHOLE = replace(
    CONTRACT, features=tuple(replace(each, missing=False) for each in CONTRACT.features)
)
TABLE = {each.name: np.linspace(0, 1, 100) for each in CONTRACT.features}


def _scores(moved: float, table: Mapping[str, NDArray[np.generic]]) -> NDArray[np.float64]:
    rows = np.column_stack([table[each.name] for each in CONTRACT.features]).astype(np.float32)
    return np.asarray(LinearModel(WEIGHTS, -0.5).predict(rows), np.float64) + moved


def _said(release: Packed, run: TrainingRun) -> Packed:
    for statement in statements(run, (release.image.digest,), builder=BUILDER):
        attach(release.store, release.image, statement, release.signer, now=NOW)
    return release


def _run(moved: float) -> TrainingRun:
    golden = make_golden(WHOLE, TABLE, lambda table: _scores(moved, table))
    recorded = replace(
        training_run().environment, cpu_features=("avx9",), frame={"onnxruntime": "0.1"}
    )
    return replace(training_run(), golden=golden, environment=recorded)


def test_a_model_that_answers_as_recorded_serves_and_says_what_differs(tmp_path: Path) -> None:
    release = _said(packed(tmp_path), _run(0.0))

    with started(release.launch()) as process:
        assert process.event["event"] == "ready"
        said = str(process.event["differences"])
        assert "CPU features: was avx9, is " in said
        assert "onnxruntime of the platform: was 0.1, is " in said
        assert float(str(process.event["answers_differ_by"])) < 1e-6


def test_a_model_that_answers_otherwise_does_not_serve_and_every_difference_is_named(
    tmp_path: Path,
) -> None:
    with ExitStack() as stack:
        content = load(_said(packed(tmp_path), _run(1e-3)).launch(), NOW, stack)

    assert isinstance(content.model, OnnxModel)
    with pytest.raises(VerificationError, match=r"by up to 0\.001 on 64 recorded rows") as caught:
        asyncio.run(refuse_other_answers(content.expected, content.model))
    assert "CPU features: was avx9" in caught.value.message
    assert "onnxruntime of the platform" in caught.value.message


@pytest.fixture
def verified(tmp_path: Path) -> Verified:
    release = _said(packed(tmp_path), _run(0.0))
    key = TrustedKey("build", release.signer.public_key())
    return verify(release.store, release.image.digest, Policy((key,), ()), now=NOW)


def _runtime(package: Package, python: str = "3.11.7") -> Runtime:
    return Runtime(
        ("m",), python, (Wheel(package.name, package.version, "x.whl", package.hashes[0]),)
    )


def test_code_that_finds_the_packages_it_was_trained_with_may_serve(verified: Verified) -> None:
    package = training_run().environment.packages[0]

    assert expected_of(verified, _runtime(package)).golden is not None


@pytest.mark.parametrize(
    ("package", "python", "said"),
    [
        (Package("numpy", "9.9", ("sha256:1",)), "3.11.7", "package numpy: was 2.3.5+local, is 9"),
        (Package("numpy", "2.3.5+local", ("sha256:1",)), "3.11.7", "wheel of numpy: was sha256:"),
        (training_run().environment.packages[0], "3.12.0", "Python: was 3.11.7, is 3.12.0"),
    ],
)
def test_code_that_would_run_with_other_packages_is_refused(
    verified: Verified, package: Package, python: str, said: str
) -> None:
    with pytest.raises(GoldenPathError, match=said.replace("+", r"\+")):
        expected_of(verified, _runtime(package, python))
