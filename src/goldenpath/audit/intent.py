"""What git intended, commit by commit: who put which release where, and who had agreed.

Read from the objects of the repository alone, so that the answer needs nothing of ours and nothing
that runs.
"""

import re
from collections.abc import Iterator

from goldenpath.attest.policy import Person
from goldenpath.audit.live import Intent
from goldenpath.errors import InvalidInput, NotFound, VerificationError
from goldenpath.gitops.change import APPROVED_BY, DECISION, REASON, RELEASE
from goldenpath.gitops.commit import Commit
from goldenpath.gitops.desired import Slot
from goldenpath.gitops.manifests import SERVICE_FILE, parse_deployments
from goldenpath.gitops.trust import platform_at
from goldenpath.gitops.worktree import Repository
from goldenpath.promote.platform import FILE, Platform

_SERVICE = re.compile(rf"envs/(?P<stage>[^/]+)/(?P<model>[^/]+)/{re.escape(SERVICE_FILE)}")


def read_history(repository: Repository, head: str, model: str | None = None) -> tuple[Intent, ...]:
    """Every commit up to `head` that changed a deployment (of `model`), in order."""
    return tuple(_History(repository, model).intents(head))


class _History:
    """Walks the commits once; trust and approvals are carried along as they stood then."""

    def __init__(self, repository: Repository, model: str | None) -> None:
        self._repository = repository
        self._model = model
        self._platforms: dict[str, Platform] = {}
        self._approved: dict[tuple[str, str, str], tuple[str, ...]] = {}

    def intents(self, head: str) -> Iterator[Intent]:
        for commit in reversed(tuple(self._repository.history(to=head))):
            changed = [found for path in commit.paths if (found := _SERVICE.fullmatch(path))]
            for found in changed:
                if self._model in (None, found["model"]):
                    yield from self._intent(commit, found["stage"], found["model"], found[0])

    def _intent(self, commit: Commit, stage: str, model: str, path: str) -> Iterator[Intent]:
        platform = self._platform(commit.parents[0] if commit.parents else commit.id)
        slots = self._slots(commit, path, platform)
        if platform is None or slots is None:
            return  # nothing that a reconciler could have followed
        demanded = platform.stage(stage)
        release = commit.trailer(RELEASE) or (slots[-1].digest.text if slots else "")
        yield Intent(
            time=commit.time,
            stage=stage,
            model=model,
            commit=commit.id,
            slots=slots,
            author=commit.author,
            signer=self._signer(commit.id, platform.committers),
            decision=commit.trailer(DECISION),
            approved_by=self._approvers(commit, stage, model, release),
            reason=commit.trailer(REASON) or commit.subject,
            approvals_needed=demanded.approvals if demanded and slots else 0,
        )

    def _approvers(self, commit: Commit, stage: str, model: str, release: str) -> tuple[str, ...]:
        """Who had approved the release for the stage by then: a later step needs no new leave."""
        key = (stage, model, release)
        named = {*self._approved.get(key, ()), *commit.trailers.get(APPROVED_BY, ())}
        self._approved[key] = tuple(sorted(named))
        return self._approved[key]

    def _platform(self, commit: str) -> Platform | None:
        (blob,) = self._repository.blob_ids([commit], FILE)
        if blob is None:
            return None
        if blob not in self._platforms:
            try:
                self._platforms[blob] = platform_at(self._repository, commit)
            except (InvalidInput, NotFound):
                return None
        return self._platforms[blob]

    def _slots(
        self, commit: Commit, path: str, platform: Platform | None
    ) -> tuple[Slot, ...] | None:
        content = self._repository.read(commit.id, path)
        if content is None:
            return ()
        if platform is None:
            return None
        try:
            (deployment,) = parse_deployments({path: content}, platform)
        except InvalidInput:
            return None
        return () if deployment.stopped else deployment.slots

    def _signer(self, commit: str, people: tuple[Person, ...]) -> str:
        try:
            return self._repository.verify(commit, people)
        except VerificationError:
            return ""  # shown as "commit not signed" wherever it matters
