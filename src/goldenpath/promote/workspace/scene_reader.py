"""Reads scenes (everything that an act decides on) from one trusted commit and one store."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, NotFound, did_you_mean
from goldenpath.oci.store import Store
from goldenpath.promote.acts.intents import proposal_branch
from goldenpath.promote.acts.proposal import Proposed, is_change_of_trust
from goldenpath.promote.acts.rolling import destination_of
from goldenpath.promote.acts.scene import (
    Destination,
    ReleaseScene,
    RollbackScene,
    StageScene,
    TrustScene,
    stage_of,
)
from goldenpath.promote.gates.admission_policy import release_policy
from goldenpath.promote.gates.gate import Evidence, Live
from goldenpath.promote.gates.monitoring.monitor_view import MonitorReader
from goldenpath.promote.gates.test_sets.data_looks import LookReader
from goldenpath.promote.manifests.deployment_files import (
    deployment_folder,
    parse_deployments,
    release_path,
)
from goldenpath.promote.manifests.desired import Deployment, Placement
from goldenpath.promote.manifests.placement import parse_placement
from goldenpath.promote.manifests.restrictions import Files
from goldenpath.promote.platform.alarm_rules import FINDINGS_GATE
from goldenpath.promote.platform.data_rules import TEST_SETS_GATE
from goldenpath.promote.platform.platform import FILE, Platform
from goldenpath.promote.repository.chain_of_trust import Trusted
from goldenpath.promote.repository.commit import Commit
from goldenpath.promote.repository.commit_message import APPROVED_BY
from goldenpath.promote.repository.commit_rules import stable_before
from goldenpath.promote.repository.countersign import agreed, base_of, set_up_is_over
from goldenpath.promote.repository.identity import require_listed
from goldenpath.promote.repository.worktree import Repository
from goldenpath.promote.workspace.release_reader import open_whole, read_rows
from goldenpath.promote.workspace.statement_times import StatementTimes
from goldenpath.promote.workspace.workspace import Workspace
from goldenpath.release.attest.verify import verify
from goldenpath.release.evidence.training_statements import metrics_of


@dataclass(frozen=True, slots=True)
class Viewpoint:
    """What a read-only question needs: a trusted commit, a store, and the time."""

    repository: Repository
    trusted: Trusted
    store: Store
    now: datetime
    seen: Callable[[Commit], datetime] = lambda commit: commit.time
    """Returns when a commit came, which counts for the soak."""
    monitored: MonitorReader | None = None
    """Reads what the monitors know about a model; None where no monitor's records are."""
    looked: LookReader | None = None
    """Reads how often data were looked at; None where nobody can count that."""


def deployment_of(
    repository: Repository, trusted: Trusted, stage: str, model: str
) -> Deployment | None:
    """Return the deployment of a model in a stage; None if git has none."""
    folder = deployment_folder(stage, model)
    return _deployment(files_of(repository, trusted.commit, folder), trusted.platform)


def files_of(repository: Repository, commit: str, folder: str) -> Files:
    """Return the files of one deployment in a commit."""
    (contents,) = repository.folders([f"{commit}:{folder}"])
    return Files.of(folder, contents)


def placement_of(
    repository: Repository, trusted: Trusted, stage: str, model: str
) -> Placement | None:
    """Return the release file of a deployment; None without one."""
    path = release_path(stage, model)
    content = repository.read(trusted.commit, path)
    return None if content is None else parse_placement(content, path)


def unknown_model(repository: Repository, trusted: Trusted, model: str, stage: str) -> NotFound:
    """Return the error for a model that is not in a stage; its hint names a similar model."""
    hint = similar_model(repository, trusted, model) or "goldenpath status shows what is where"
    return NotFound(f"{model} is not in {stage}", hint=hint)


def similar_model(repository: Repository, trusted: Trusted, model: str) -> str | None:
    """Return a hint that names a model with a similar name; None if there is none."""
    return did_you_mean(model, models_of(repository, trusted.commit))


def read_stage(workspace: Workspace, trusted: Trusted, stage: str, model: str) -> StageScene:
    """Return a model in a stage, for acts that a machine may do too. Raises `InvalidInput`."""
    now, platform = workspace.clock(), trusted.platform
    person = require_listed(workspace.acting, platform, now, machines=True)
    scene = StageScene(trusted.commit, platform, stage_of(platform, stage), model, person, now)
    return _with_files(workspace.repository, trusted, scene)


def read_rollback(
    workspace: Workspace, trusted: Trusted, stage: str, model: str, *, to: Digest | None
) -> RollbackScene:
    """Return a model in a stage, and the release that a rollback would go back to."""
    scene = read_stage(workspace, trusted, stage, model)
    digest = destination_of(scene, to)
    if digest is None:
        return RollbackScene(scene, None)
    folder, platform = deployment_folder(stage, model), trusted.platform
    verified = None
    # Only a chosen release is searched in the history, which takes long.
    if to is None or to in stable_before(workspace.repository, trusted.commit, folder, platform):
        times = StatementTimes(workspace.repository, workspace.seen).known(trusted, scene.now)
        verified = verify(
            workspace.store, digest, release_policy(platform), now=scene.now, seen=times
        )
    return RollbackScene(scene, Destination(digest, verified, was_chosen=to is not None))


def read_release(
    workspace: Workspace, trusted: Trusted, digest: Digest, stage: str, *, promotes: bool
) -> ReleaseScene:
    """Return a release before the gates of a stage.

    `promotes` says whether the person promotes it. Raises `NotFound` if the store does not have it,
    `VerificationError` if its bytes do not match its digest.
    """
    repository, platform, now = workspace.repository, trusted.platform, workspace.clock()
    person = require_listed(workspace.acting, platform, now)
    view = Viewpoint(
        repository, trusted, workspace.store, now, workspace.seen, workspace.monitored,
        workspace.looked,
    )  # fmt: skip
    evidence = read_evidence(view, digest, stage, person.name if promotes else "")
    scene = _with_files(
        repository,
        trusted,
        StageScene(
            trusted.commit, platform, stage_of(platform, stage), evidence.model, person, now
        ),
    )
    was_here = promotes and _was_here(repository, scene, digest)
    return ReleaseScene(scene, evidence, was_here)


def read_evidence(view: Viewpoint, digest: Digest, stage_name: str, actor: str) -> Evidence:
    """Return everything that the gates may look at: the release, the live one, and soak time."""
    platform, store, now = view.trusted.platform, view.store, view.now
    stage = stage_of(platform, stage_name)
    times = StatementTimes(view.repository, view.seen).known(view.trusted, now)
    verified = verify(
        store, digest, release_policy(platform), people=platform.people, now=now, seen=times
    )
    opened = open_whole(store, digest)
    model = opened.contract.name
    current = deployment_of(view.repository, view.trusted, stage.name, model)
    before = platform.before(stage)
    asks = FINDINGS_GATE in stage.gates and view.monitored is not None
    return Evidence(
        digest=digest,
        model=model,
        verified=verified,
        contract=opened.contract,
        documents=opened.documents,
        live=None if current is None else _live(store, current, platform, now, times=times),
        before_since=None if before is None else _stable_since(view, before.name, model, digest),
        actor=actor,
        platform=platform,
        rows=None if current is None else read_rows(store, verified, opened.contract),
        monitored=view.monitored(platform, model) if asks and view.monitored else None,
        looks=view.looked() if TEST_SETS_GATE in stage.gates and view.looked else None,
    )


def read_trust(workspace: Workspace, trusted: Trusted, paths: Sequence[str] = ()) -> TrustScene:
    """Return what is trusted now, with the present protected files at `paths`."""
    now, repository, commit = workspace.clock(), workspace.repository, trusted.commit
    person = require_listed(workspace.acting, trusted.platform, now)
    contents = repository.blobs([f"{commit}:{path}" for path in paths])
    return TrustScene(
        commit,
        trusted.platform,
        person,
        now,
        base_of(repository, commit, paths),
        set_up_is_over(repository, commit, trusted.platform),
        dict(zip(paths, contents, strict=True)),
        models_of(repository, commit) if FILE in paths else (),
    )


def models_of(repository: Repository, commit: str) -> tuple[str, ...]:
    """Return the names of the models that are in a stage, sorted."""
    paths = (path.split("/") for path in repository.entries(commit, "envs/"))
    return tuple(sorted({parts[2] for parts in paths if len(parts) > 3}))


def read_proposal(
    workspace: Workspace, known: TrustScene, name: str
) -> tuple[TrustScene, Proposed]:
    """Return a change of trust that waits for a second person, and the scene it is judged in.

    Raises `NotFound` if there is none, `VerificationError` if no listed person signed it.
    """
    with workspace.repository.incoming(proposal_branch(name)) as (repository, identity):
        return _proposed(repository, identity, known, name)


def _proposed(
    repository: Repository, identity: str, known: TrustScene, name: str
) -> tuple[TrustScene, Proposed]:
    people = known.platform.people
    repository.verify(identity, people, known.now)
    (commit,) = repository.commits([identity])
    contents = repository.blobs([f"{identity}:{path}" for path in commit.paths])
    scene = replace(known, base=base_of(repository, known.commit, commit.paths))
    proposed = Proposed(
        name,
        commit.message,
        len(commit.parents),
        dict(zip(commit.paths, contents, strict=True)),
        base_of(repository, commit.parents[0], commit.paths) if commit.parents else "",
        commit.trailer(APPROVED_BY),
        "",
    )
    if not is_change_of_trust(proposed) or proposed.base != scene.base:
        return scene, proposed  # nobody may confirm it, so its signature is not checked
    signer = agreed(commit, scene.base, proposed.files, people)
    return scene, replace(proposed, signer=signer)


def _stable_since(view: Viewpoint, stage: str, model: str, digest: Digest) -> datetime | None:
    """Return since when `digest` is the stable release without a break; None if it is not."""
    folder, trusted = deployment_folder(stage, model), view.trusted
    since = None
    for commit in view.repository.history(folder, to=trusted.commit):
        try:
            deployment = _deployment(files_of(view.repository, commit.id, folder), trusted.platform)
        except InvalidInput:
            break  # nobody can tell what was live then, so it counts from after that
        if deployment is None or deployment.slots[0].digest != digest or deployment.stopped:
            break
        since = commit
    return None if since is None else view.seen(since)


def _with_files(repository: Repository, trusted: Trusted, scene: StageScene) -> StageScene:
    """Return the scene with the files of its deployment, or with a hint if there are none."""
    stage, model = scene.stage.name, scene.model
    files = files_of(repository, scene.commit, deployment_folder(stage, model))
    placed, release = files.release, release_path(stage, model)
    filled = replace(
        scene,
        deployment=_deployment(files, trusted.platform),
        placement=None if placed is None else parse_placement(placed, release),
        manifests=files.applied,
    )
    if files.applied and placed is not None:
        return filled
    # Only a missing model needs the hint: listing all models takes time.
    similar = similar_model(repository, trusted, model)
    return filled if similar is None else replace(filled, hint=similar)


def _deployment(files: Files, platform: Platform) -> Deployment | None:
    if not files.applied:
        return None
    (deployment,) = parse_deployments(files.applied, platform)
    return deployment


def _was_here(repository: Repository, scene: StageScene, digest: Digest) -> bool:
    """Whether the release was in that stage before; choosing it again puts the stage on hold."""
    path = release_path(scene.stage.name, scene.model)
    names = [f"{commit.id}:{path}" for commit in repository.history(path, to=scene.commit)]
    contents = [content for content in repository.deployment_files(names) if content is not None]
    return any(_names(content, digest) for content in contents)


def _names(content: bytes, digest: Digest) -> bool:
    """Whether a release file names the release; one that cannot be read may name any."""
    try:
        return parse_placement(content).digest == digest
    except InvalidInput:
        return True


def _live(
    store: Store,
    current: Deployment,
    platform: Platform,
    now: datetime,
    *,
    times: Mapping[Digest, datetime] | None,
) -> Live | None:
    digest = current.slots[0].digest
    try:
        opened = open_whole(store, digest)
    except NotFound as error:
        raise NotFound(
            f"the live release of {current.name} is not in the registry: {digest}",
            hint="copy it there with goldenpath copy; without it nothing can be compared",
        ) from error
    policy = release_policy(platform)
    verified = verify(store, digest, policy, people=platform.people, now=now, seen=times)
    rows = read_rows(store, verified, opened.contract)
    return Live(digest, opened.contract, metrics_of(verified), rows, verified)
