"""Proves when a model is loaded that it runs as it was built: same packages, same answers.

What the build recorded is signed and hangs on the release. A model that is code has to find the
very packages it was trained with; every model has to give the recorded answers again. What differs
without changing them, a processor or a runtime, is named and not refused.
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
    """What is on record of the answers, and what is otherwise here than where they were given."""

    differences: tuple[str, ...] = ()
    golden: Golden | None = None
    """None for a release whose build recorded none."""


def expected_of(verified: Verified, runtime: Runtime | None) -> Expected:
    """What the model has to show; `runtime` is that of a model that is code.

    Raises `VerificationError` naming each package or interpreter that is not the one it was
    trained with.
    """
    then, evaluation = surroundings_of(verified), evaluation_of(verified)
    golden = None if evaluation is None else evaluation.golden
    if then is None:
        return Expected((), golden)
    if runtime is not None:
        wrong = tuple(served_differences(then, runtime))
        if wrong:
            raise VerificationError(
                f"{verified.subject} does not carry what it was trained with: " + "; ".join(wrong),
                hint="build the model again",
            )
    # A model that is code runs nothing of the frame, which then need not load its runtime.
    here = ExecutionEnvironment(
        cpu=cpu(),
        cpu_features=" ".join(cpu_features()),
        frame={} if runtime is not None else frame(),
    )
    return Expected((*machine_differences(then, here), *frame_differences(then, here)), golden)


async def refuse_other_answers(expected: Expected, model: Model | ModelApart) -> float:
    """The largest difference to the recorded answers; 0 if there are none.

    Raises `VerificationError`, naming every difference between there and here, if it is more than
    rounding.
    """
    if expected.golden is None:
        return 0.0
    rows = rows_of_golden(expected.golden)
    scores = await _ask(model, rows) if isinstance(model, ModelApart) else model.predict(rows)
    found = distance(expected.golden, scores if scores.ndim == 1 else scores[:, 0])
    if not found.is_rounding:
        why = "; ".join(expected.differences) or "nothing on record differs"
        raise VerificationError(
            f"the model answers otherwise than when it was built, by up to {found.largest:.2g} on "
            f"{found.rows} recorded rows, allowed {found.tolerance:g}: {why}",
            hint="serve it where it was built, or build it for this machine",
        )
    return found.largest


async def _ask(model: ModelApart, rows: Rows) -> Scores:
    answered: asyncio.Future[Scores] = asyncio.get_running_loop().create_future()

    def heard(result: Scores | GoldenPathError) -> None:
        if isinstance(result, GoldenPathError):
            answered.set_exception(result)
        else:
            answered.set_result(result)

    model.ask(rows, heard)
    return await answered
