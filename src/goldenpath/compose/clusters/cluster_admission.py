"""The follower of a cluster: judges what git declares, and signs what it admits."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from goldenpath.compose.gitops_access import git_source, gitops, seen, verified_branch
from goldenpath.compose.process_context import now
from goldenpath.compose.signing import signer
from goldenpath.compose.stores import store_of
from goldenpath.deploy.reconcile.admission import admit
from goldenpath.deploy.reconcile.admission_statement import (
    VALID,
    AdmissionCase,
    admission_due,
    standing_admission,
)
from goldenpath.deploy.reconcile.verified_branch import (
    BranchKeeper,
    Objection,
    VerifiedBranch,
    branch_head,
)
from goldenpath.digest import Digest
from goldenpath.errors import GoldenPathError, NotFound
from goldenpath.home import Home
from goldenpath.oci.store import Store
from goldenpath.promote.acts.rotation import require_admission_key
from goldenpath.promote.manifests.desired import Deployment, Restrictions
from goldenpath.promote.repository.address import MovedOn
from goldenpath.promote.repository.chain_of_trust import Trusted, platform_at
from goldenpath.promote.repository.worktree import Repository
from goldenpath.promote.workspace.desired_state import Surveyor
from goldenpath.promote.workspace.stage_history import StageHistory
from goldenpath.release.attest.attach import attach
from goldenpath.release.attest.signatures.signer import Signer

_TRIES = 2


@dataclass(frozen=True, slots=True)
class DeclaredRelease:
    """A release that git declares in a stage, and what became of its admission."""

    stage: str
    model: str
    digest: str
    state: Literal["signed", "standing", "refused", "unknown"]
    expires: datetime | None
    """The end of its admission; none if it has none."""
    reason: str = ""
    """Why it is refused, or why that could not be found out."""


@dataclass(frozen=True, slots=True)
class ClusterPass:
    """What one pass of the follower of a cluster found and did."""

    commit: str
    """The newest commit that is trusted here."""
    releases: tuple[DeclaredRelease, ...]
    branch: VerifiedBranch
    faults: tuple[str, ...] = ()
    """Why the cluster could not be observed, or its state not be told; a sentence each."""


def admit_declared(home: Home, key: Path | None, valid: timedelta = VALID) -> ClusterPass:
    """Judge each release that git declares, sign what is due, and move `verified` forward.

    What is admitted is signed first, so that engines find it when Argo CD applies a commit. The
    releases of one deployment never stop the admission of those of another. Raises `InvalidInput`
    if the key is no admission key.
    """
    signing = signer(home, key)
    for _ in range(_TRIES):
        with suppress(MovedOn):  # another follower was faster: git is read again
            return _pass(home, signing, valid)
    return _pass(home, signing, valid)


def _pass(home: Home, signing: Signer, valid: timedelta) -> ClusterPass:
    branch, began = verified_branch(home), _Began("")
    try:
        # Before `main` is read: then `main` has it, unless somebody else moved the branch.
        began = _Began(branch_head(branch))
    except GoldenPathError as error:
        began = _Began("", error)
    trusted, fault = git_source(home).followed()
    require_admission_key(trusted.platform, signing.public_key(), now())
    follower = _Follower(home, trusted, signing=signing, valid=valid)
    for commit in dict.fromkeys((trusted.commit, follower.known(began.head))):
        follower.judge_declared(commit)
    if began.fault is not None:
        moved = VerifiedBranch("", trusted.commit, "unknown", began.fault.message)
    else:
        moved = _moved(follower.keeper(branch), began, trusted, fault)
    return ClusterPass(trusted.commit, tuple(follower.rows.values()), moved)


def _moved(
    keeper: BranchKeeper, began: "_Began", trusted: Trusted, fault: GoldenPathError | None
) -> VerifiedBranch:
    try:
        return keeper.move(began.head, trusted, fault)
    except MovedOn:
        raise
    except GoldenPathError as error:
        return VerifiedBranch(began.head, trusted.commit, "unknown", error.message)


@dataclass(frozen=True, slots=True)
class _Began:
    """Where the branch was, or why that is not known."""

    head: str
    fault: GoldenPathError | None = None


class _Follower:
    """Judges releases by the newest trusted platform, each once, and signs what it admits."""

    def __init__(self, home: Home, trusted: Trusted, *, signing: Signer, valid: timedelta) -> None:
        self._trusted = trusted
        self._repository = gitops(home)
        self._surveyor = Surveyor(self._repository, home.run / "survey")
        self._standing: Mapping[str, Restrictions] = {}
        self._signing = signing
        self._now = now()
        self._valid = valid
        self._store: Store = store_of(home, trusted.platform)
        self._history = StageHistory(self._repository, seen(home))
        self.rows: dict[tuple[str, str], DeclaredRelease] = {}

    def keeper(self, branch: Repository) -> BranchKeeper:
        """Return what moves the branch by the verdicts of this follower."""
        return BranchKeeper(self._repository, branch, self._surveyor, self.objection)

    def known(self, commit: str) -> str:
        """Return a commit that the trusted history has; the newest in the place of another one."""
        try:
            is_known = bool(commit) and self._repository.contains(commit, self._trusted.commit)
        except NotFound:
            is_known = False
        return commit if is_known else self._trusted.commit

    def judge_declared(self, commit: str) -> None:
        """Judge every release that a trusted commit declares."""
        platform = platform_at(self._repository, commit)
        survey = self._surveyor.survey(Trusted(commit, platform))
        if commit == self._trusted.commit:
            self._standing = survey.standing
        for deployment in survey.deployments:
            for slot in deployment.releases:
                self._row(deployment, slot.digest)
        for name, problem in sorted(survey.problems.items()):
            stage, _, model = name.partition("/")
            row = DeclaredRelease(stage, model, "", "unknown", None, problem)
            self.rows.setdefault((name, ""), row)

    def objection(self, deployment: Deployment, digest: Digest) -> Objection | None:
        """Return why a release may not rise in a deployment; None if its admission is signed."""
        row = self._row(deployment, digest)
        if row.state in ("signed", "standing"):
            return None
        return Objection(row.reason, is_known=row.state == "refused")

    def _row(self, deployment: Deployment, digest: Digest) -> DeclaredRelease:
        place = (deployment.name, str(digest))
        if place not in self.rows:
            self.rows[place] = self._judged(deployment, digest)
        return self.rows[place]

    def _judged(self, deployment: Deployment, digest: Digest) -> DeclaredRelease:
        place = (deployment.stage, deployment.model, str(digest))
        try:
            case = self._case(deployment, digest)
            due = admission_due(case, self._trusted.commit, self._now, self._valid)
            if due is not None:
                image = self._store.resolve(digest.text)
                attach(self._store, image, due.statement(), self._signing, now=self._now)
        except GoldenPathError as error:
            return DeclaredRelease(*place, "unknown", None, error.message)
        if due is not None:
            return DeclaredRelease(*place, "signed", due.expires)
        end = None if case.standing is None else case.standing.expires
        state: Literal["refused", "standing"] = "refused" if case.refusal else "standing"
        return DeclaredRelease(*place, state, end, case.refusal)

    def _case(self, deployment: Deployment, digest: Digest) -> AdmissionCase:
        keys = self._trusted.platform.admission_keys
        standing = self._standing.get(deployment.name)
        return AdmissionCase(
            deployment.stage,
            deployment.model,
            digest,
            admit(
                self._store,
                self._trusted,
                deployment,
                digest,
                history=self._history,
                now=self._now,
                break_glass=None if standing is None else standing.break_glass,
            ),
            standing_admission(self._store, digest, deployment.stage, keys=keys, now=self._now),
        )
