"""The health of deployments and the performance of models, from the sources of this machine."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from goldenpath.audit.health.deployment_health import (
    DeploymentHealth,
    HealthSources,
    deployment_health,
)
from goldenpath.canonical import JsonValue
from goldenpath.compose.gitops_access import (
    platform_store,
    require_known,
    signed_statements,
    trusted,
)
from goldenpath.compose.inventory_watch import desired
from goldenpath.compose.process_context import now
from goldenpath.compose.proofs.replaying import open_inputs_for
from goldenpath.digest import Digest
from goldenpath.errors import GoldenPathError, InvalidInput
from goldenpath.home import Home
from goldenpath.observe.labels.performance_report import PerformanceReport, performance_report
from goldenpath.observe.labels.slice_history import SliceHistory, slice_history
from goldenpath.observe.log.release_parts import Releases
from goldenpath.oci.store import Store
from goldenpath.promote.workspace.release_reader import read_rows
from goldenpath.train.evaluation.evaluation_rows import Rows

Note = Callable[[str], None]


def health(home: Home, model: str, stage: str | None, note: Note) -> tuple[DeploymentHealth, ...]:
    """Return the health of a model in each stage, or in one, in the order of the stages.

    Raises `NotFound` or `InvalidInput` if git knows no such model or stage, `InvalidInput` if what
    git declares about one of these deployments cannot be read.
    """
    newest, survey = desired(home)
    require_known(home, stage, model)
    stages = [each.name for each in newest.platform.stages if stage in (None, each.name)]
    for name in stages:
        if problem := survey.problems.get(f"{name}/{model}"):
            raise InvalidInput(f"what git declares for {name}/{model} cannot be read: {problem}")
    mine = [each for each in survey.deployments if each.model == model and each.stage in stages]
    moment = now()
    sources = HealthSources(
        home,
        newest.platform.people,
        newest.platform.owners,
        Releases(platform_store(home), note),
        lambda where, name: performance(home, where, name, until=moment, note=note),
        moment,
    )
    mine.sort(key=lambda each: stages.index(each.stage))
    return tuple(deployment_health(sources, each) for each in mine)


def performance(
    home: Home, stage: str, model: str, *, until: datetime, note: Note
) -> PerformanceReport:
    """Return the performance of every release that answered, with the labels known at `until`."""
    store = platform_store(home)
    releases = Releases(store, note)
    return performance_report(
        home,
        stage,
        model,
        until=until,
        contract_of=lambda digest: getattr(releases(digest), "contract", None),
        rows_of=_rows_of(home, store, note),
    )


def slice_shares(
    home: Home,
    deployment: tuple[str, str],
    feature: str,
    days: int,
    *,
    opener: tuple[str | None, Path | None, str],
    note: Note,
) -> SliceHistory:
    """Return decisions by the groups of a feature, for somebody who may open inputs.

    `deployment` is stage and model, `opener` the name, the key and the reason. Raises
    `InvalidInput` without a reason, or if `platform.toml` does not allow it.
    """
    (stage, model), (name, key, reason) = deployment, opener
    if not reason:
        raise InvalidInput(
            "--by opens inputs of persons: expected --reason",
            hint='say why, for the audit log: --reason "quarterly review of fairness"',
        )
    what: dict[str, JsonValue] = {"stage": stage, "model": model, "feature": feature}
    open_inputs_for(home, name, key, purpose="groups", reason=reason, what=what)
    releases = Releases(platform_store(home), note)
    return slice_history(
        home,
        stage,
        model,
        feature,
        days=days,
        contract_of=lambda digest: getattr(releases(digest), "contract", None),
    )


def _rows_of(home: Home, store: Store, note: Note) -> Callable[[str], Rows | None]:
    statements = signed_statements(home, trusted(home).platform)

    def rows(digest: str) -> Rows | None:
        try:
            return read_rows(store, statements(Digest(digest)))
        except GoldenPathError as error:
            note(f"the evaluation rows of {digest} cannot be read: {error.message}")
            return None

    return rows
