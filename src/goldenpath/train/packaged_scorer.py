"""Scores rows with the model of a training as it will be packed and served."""

from collections.abc import Iterator
from contextlib import contextmanager

from goldenpath.project.spec import MODEL
from goldenpath.train.evaluation.evaluate import refuse_missing, scored_outputs
from goldenpath.train.evaluation.evaluation_checks import equality_check
from goldenpath.train.evaluation.score import Scorer, onnx_scorer
from goldenpath.train.python_content import PythonContent, served_model, unpack_content
from goldenpath.train.steps import TrainingContext
from goldenpath.train.training_run import Check


@contextmanager
def packaged_scorer(
    context: TrainingContext, content: PythonContent | None, uv: str, name: str = "outputs"
) -> Iterator[Scorer]:
    """Yield a scorer of the model in the folder `name` of the build.

    A graph runs in this process, a model that is code in its own environment.
    """
    outputs, contract = context.work / name, context.project.contract
    if content is None or contract.python is None:
        refuse_missing(outputs, MODEL)
        yield onnx_scorer(outputs / MODEL, contract)
        return
    folder = context.work / f"content-{name}"
    python = unpack_content(
        content, outputs, folder, uv=uv, tools=context.environment, confinement=context.confinement
    )
    with served_model(
        contract, contract.python, folder, python, environment=context.environment,
        confinement=context.confinement,
    ) as score:  # fmt: skip
        yield score


def sample_check(
    context: TrainingContext, content: PythonContent | None, uv: str, name: str
) -> Check:
    """Open, score and compare what the training on a sample left in the folder `name`.

    So faults of form are found in seconds, and not after the whole training. Raises `InvalidInput`
    as the evaluation of the whole training would.
    """
    with packaged_scorer(context, content, uv, name) as score:
        scored = scored_outputs(context.project, context.work / name, score)
    return equality_check(scored.skews)
