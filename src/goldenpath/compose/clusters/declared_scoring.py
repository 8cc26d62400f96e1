"""A scoring that git declares: a Job of the cluster, committed by the people who may change trust.

What it reads and writes lies outside of the platform. So its addresses are a change of trust, like
every file that Argo CD applies below `cluster/`.
"""

from goldenpath.compose.callers.model_callers import declared_model, declared_release
from goldenpath.compose.gitops_access import gitops
from goldenpath.compose.inventory_watch import desired
from goldenpath.compose.platform_changes import change_trust
from goldenpath.deploy.cluster.score_job import ScoreJob, accounts_path, render_score_job, score_job
from goldenpath.errors import InvalidInput
from goldenpath.home import Home
from goldenpath.promote.acts.intents import TrustIntent
from goldenpath.promote.manifests.kustomize.cluster_setup import VALUES
from goldenpath.promote.repository.identity import Identity
from goldenpath.promote.workspace.workspace import Outcome
from goldenpath.serve.table.batch_scoring import ScoreOptions


def declare_score_job(
    home: Home,
    names: tuple[str, str, str],
    wish: ScoreOptions,
    *,
    acting: Identity,
    concurrency: int,
    reason: str,
) -> tuple[Outcome[TrustIntent], ScoreJob]:
    """Commit a Job, or propose it to a second person; `names` are those of job, stage and model.

    Raises `NotFound` if git does not declare the model there, and `InvalidInput` for a release
    without traffic, for data or a result outside of a bucket, and for a name that is taken.
    """
    name, stage, model = names
    trusted, survey = desired(home)
    deployment = declared_model(survey, f"{stage}/{model}")
    release = declared_release(deployment, wish.release)
    job = score_job(name, deployment, release, wish, concurrency=concurrency)
    paths = (VALUES, accounts_path(stage), job.path)
    values, account, taken = gitops(home).blobs([f"{trusted.commit}:{path}" for path in paths])
    if values is None or account is None:
        raise InvalidInput(
            f"the repository has no {VALUES if values is None else accounts_path(stage)}",
            hint="goldenpath platform init --target kubernetes",
        )
    if taken is not None:
        raise InvalidInput(
            f"{job.path} is there already, and a Job cannot be changed",
            hint="give this one another name; with the same data and result it goes on",
        )
    placed = job.placed(values)
    message = f"platform: score {stage}/{model} by {name}\n\n{' '.join(reason.split())}\n"
    files = {job.path: render_score_job(placed)}
    return change_trust(home, trusted, files, message, acting=acting), placed
