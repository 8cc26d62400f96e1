"""Startup checks of a loaded model: the packages and the answers of its build.

The records of the build are signed and attached to the release. A code model needs exactly the
packages of its training. Every model must repeat the recorded answers. Another processor or runtime
with the same answers is reported and not refused.
"""

import asyncio
from dataclasses import dataclass

from goldenpath.errors import GoldenPathError, VerificationError
from goldenpath.release.attest.policy import Verified
from goldenpath.release.evidence.recorded_environment import surroundings_of
from goldenpath.release.evidence.training_statements import evaluation_of
from goldenpath.serve.model.model import Model, ModelApart, Rows, Scores
from goldenpath.train.environment.environment_equality import (
    ExecutionEnvironment,
    frame_differences,
    machine_differences,
    served_differences,
)
from goldenpath.train.environment.hardware import cpu, cpu_features, frame
from goldenpath.train.environment.runtime import Runtime
from goldenpath.train.evaluation.golden import distance, rows_of_golden
from goldenpath.train.training_run import Golden


@dataclass(frozen=True, slots=True)
class Expected:
    """The recorded answers, and the differences between this machine and that of the build."""

    differences: tuple[str, ...] = ()
    golden: Golden | None = None
    """None for a release whose build recorded none."""


def expected_of(verified: Verified, runtime: Runtime | None) -> Expected:
    """Return the expected answers; `runtime` is that of a code model.

    Raises `VerificationError` naming each package or interpreter that differs from those of
    the training.
    """
    then, evaluation = surroundings_of(verified), evaluation_of(verified)
    golden = None if evaluation is None else evaluation.golden
    if then is None:
        return Expected((), golden)
    if runtime is not None:
        wrong = tuple(served_differences(then, runtime))
        if wrong:
            raise VerificationError(
                f"{verified.subject} differs from its training: " + "; ".join(wrong),
                hint="build the model again",
            )
    # A code model uses no runtime of the server, so the server need not load one.
    environment = ExecutionEnvironment(
        cpu=cpu(),
        cpu_features=" ".join(cpu_features()),
        frame={} if runtime is not None else frame(),
    )
    return Expected(
        (*machine_differences(then, environment), *frame_differences(then, environment)), golden
    )


async def refuse_other_answers(expected: Expected, model: Model | ModelApart) -> float:
    """Return the largest difference to the recorded answers; 0 if there are none.

    Raises `VerificationError` if it exceeds rounding, naming every difference between the
    machine of the build and this one.
    """
    if expected.golden is None:
        return 0.0
    rows = rows_of_golden(expected.golden)
    scores = await _ask(model, rows) if isinstance(model, ModelApart) else model.predict(rows)
    width = len(expected.golden.scores) // max(len(expected.golden.rows), 1)
    measured = distance(expected.golden, scores.reshape(len(rows), -1)[:, :width])
    if not measured.is_rounding:
        why = "; ".join(expected.differences) or "nothing on record differs"
        raise VerificationError(
            "the model's answers differ from those of its build, "
            f"by up to {measured.largest:.2g} on {measured.rows} recorded rows, "
            f"allowed {measured.tolerance:g}: {why}",
            hint="serve it where it was built, or build it for this machine",
        )
    return measured.largest


async def _ask(model: ModelApart, rows: Rows) -> Scores:
    answered: asyncio.Future[Scores] = asyncio.get_running_loop().create_future()

    def receive(result: Scores | GoldenPathError) -> None:
        if isinstance(result, GoldenPathError):
            answered.set_exception(result)
        else:
            answered.set_result(result)

    model.ask(rows, receive)
    return await answered
