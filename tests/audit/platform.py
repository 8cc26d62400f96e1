"""A platform on this machine for tests: home, gitops repository, a release in its registry."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from goldenpath.digest import Digest
from goldenpath.home import Home
from goldenpath.promote.acts.founding import PlatformOptions, platform_files, with_person
from goldenpath.promote.manifests.deployment_files import render_deployment
from goldenpath.promote.manifests.desired import Deployment, Slot, slot_name
from goldenpath.promote.repository.chain_of_trust import follow
from goldenpath.promote.repository.commit_message import CommitMessage
from goldenpath.promote.repository.identity import Identity
from goldenpath.promote.repository.worktree import Repository
from goldenpath.promote.workspace.platform_setup import found
from goldenpath.release.attest.policy import Person
from goldenpath.release.attest.signatures.sshsig import SshKey
from tests.promote.repository.deployed import replacing

FOUNDED = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


class Grounds:
    """A founded platform, and the people who change it."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.home = Home(folder / "home")
        self.repository = Repository(str(self.home.gitops), self.home.gitops_cache)
        self.engineer = Identity("platform-engineer", SshKey.generate(folder / "engineer"))
        wishes = PlatformOptions("127.0.0.1:0", "registry.example/models", ("platform-engineer",))
        found(
            self.home, self.repository, self.engineer, wishes, environment=environment, now=FOUNDED
        )

    def list_people(self, people: tuple[Person, ...], now: datetime) -> None:
        trusted = follow(self.repository, self.home.trust, now)
        platform = trusted.platform
        for person in people:
            platform = with_person(platform, person)
        self.commit(platform_files(platform), "people: list approvers\n", now)

    def deploy(
        self,
        stage: str,
        shares: Mapping[Digest, int],
        now: datetime,
        *,
        approved_by: tuple[str, ...] = (),
        who: Identity | None = None,
        reason: str = "because",
    ) -> str:
        trusted = follow(self.repository, self.home.trust, now)
        slots = tuple(Slot(slot_name(digest), digest, share) for digest, share in shares.items())
        digest = slots[-1].digest
        change = CommitMessage("promote", stage, "credit", digest, reason, approved_by=approved_by)
        made = render_deployment(Deployment(stage, "credit", slots), trusted.platform)
        files = replacing(self.repository, trusted.commit, made)
        return self.commit(files, change.render(), now, who)

    def commit(
        self,
        files: Mapping[str, bytes | None],
        message: str,
        now: datetime,
        who: Identity | None = None,
    ) -> str:
        acting = who or self.engineer
        head = self.repository.fetch()
        return self.repository.commit(head, files, message, acting.name, key=acting.key, now=now)
