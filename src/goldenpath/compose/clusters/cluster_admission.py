"""The follower of a cluster: judges what git declares, and signs what it admits."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from goldenpath.compose.gitops_access import gitops, seen
from goldenpath.compose.inventory_watch import desired
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
from goldenpath.digest import Digest
from goldenpath.errors import GoldenPathError
from goldenpath.home import Home
from goldenpath.oci.store import Store
from goldenpath.promote.acts.rotation import require_admission_key
from goldenpath.promote.manifests.deployment_files import Survey
from goldenpath.promote.manifests.desired import Deployment
from goldenpath.promote.repository.chain_of_trust import Trusted
from goldenpath.promote.workspace.stage_history import StageHistory
from goldenpath.release.attest.attach import attach
from goldenpath.release.attest.signatures.signer import Signer


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


def admit_declared(
    home: Home, key: Path | None, valid: timedelta = VALID
) -> tuple[str, tuple[DeclaredRelease, ...]]:
    """Judge each release that git declares, sign what is due, and return the commit and all of it.

    The releases of one deployment never stop those of another. Raises `InvalidInput` if the key is
    no admission key.
    """
    trusted, survey = desired(home)
    signing, moment = signer(home, key), now()
    require_admission_key(trusted.platform, signing.public_key(), moment)
    follower = _Follower(home, trusted, survey, signing=signing, moment=moment, valid=valid)
    return trusted.commit, tuple(follower.rows())


class _Follower:
    def __init__(
        self,
        home: Home,
        trusted: Trusted,
        survey: Survey,
        *,
        signing: Signer,
        moment: datetime,
        valid: timedelta,
    ) -> None:
        self._trusted = trusted
        self._survey = survey
        self._signing = signing
        self._now = moment
        self._valid = valid
        self._store: Store = store_of(home, trusted.platform)
        self._history = StageHistory(gitops(home), seen(home))

    def rows(self) -> Iterator[DeclaredRelease]:
        for deployment in self._survey.deployments:
            for slot in deployment.releases:
                yield self._row(deployment, slot.digest)
        for name, problem in sorted(self._survey.problems.items()):
            stage, _, model = name.partition("/")
            yield DeclaredRelease(stage, model, "", "unknown", None, problem)

    def _row(self, deployment: Deployment, digest: Digest) -> DeclaredRelease:
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
        standing = self._survey.standing.get(deployment.name)
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
