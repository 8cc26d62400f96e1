"""What somebody who may push tries, so that a cluster follows what no follower judged.

The remote, the chain of signatures and the branch are real git. The verdicts on releases are given:
the rules behind them have suites of their own. Without the trust in commits the head of `main` is
followed as it is. Without the judge every release is admitted. Without the way forward the branch
is pushed by force.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from goldenpath.deploy.reconcile.gitops_source import GitSource
from goldenpath.deploy.reconcile.verified_branch import (
    BranchKeeper,
    Objection,
    VerifiedBranch,
    branch_head,
)
from goldenpath.digest import Digest
from goldenpath.promote.manifests.cluster import VERIFIED
from goldenpath.promote.manifests.deployment_files import render_deployment
from goldenpath.promote.manifests.desired import Deployment, Slot, slot_name
from goldenpath.promote.platform.platform import FILE, Platform, Stage, render_platform
from goldenpath.promote.repository.address import MovedOn
from goldenpath.promote.repository.chain_of_trust import Pin, Trusted, write_pin
from goldenpath.promote.repository.git import Git
from goldenpath.promote.repository.worktree import Repository
from goldenpath.promote.workspace.desired_state import Surveyor
from goldenpath.release.attest.policy import Person
from goldenpath.release.attest.signatures.sshsig import SshKey

TRUSTED, JUDGED, FORWARD = BRANCH_CONTROLS = (
    "trusted before clusters follow", "judged before clusters follow", "forward only",
)  # fmt: skip
_NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "GIT_CONFIG_GLOBAL": "/dev/null"}
_GOOD, _BAD = (Digest.of(name) for name in (b"good", b"bad"))
_SIGNATURE = re.compile(rb"^gpgsig .*\n(?: .*\n)*", re.MULTILINE)
Shares = tuple[tuple[Digest, int], ...]


def _key() -> SshKey:
    return SshKey.of(Ed25519PrivateKey.generate())


class BranchScene:
    """A remote whose `verified` a follower has moved to a good commit."""

    def __init__(self, folder: Path, without: frozenset[str]) -> None:
        self.folder, self.without, self.now = folder, without, _NOW
        self.keys = {name: _key() for name in ("engineer", "leaver", "stranger")}
        people = (
            Person("engineer", ("platform-engineer",), self.keys["engineer"].public_line),
            Person("leaver", (), self.keys["leaver"].public_line, None, _NOW + _MINUTE / 2),
        )
        self.platform = Platform(
            stages=(Stage("dev", ("evidence",)),),
            registry_prefix="registry.example/models",
            registry_store="layout:registry",
            build_keys=(),
            commit_keys=(),
            people=people,
        )
        self.remote = Git(folder / "remote.git", _ENVIRONMENT)
        self.remote.initialise()
        self.hand = Repository(str(self.remote.folder), folder / "hand", _ENVIRONMENT)
        self.root = self.commit({FILE: render_platform(self.platform)}, parent=None)
        self.good = self.deploy(((_GOOD, 100),))
        self.follow("follower")

    def commit(
        self, files: Mapping[str, bytes | None], who: str = "engineer", *, parent: str | None
    ) -> str:
        """Sign a commit on a parent, and push it to `main`."""
        self.now += _MINUTE
        key = self.keys[who]
        return self.hand.commit(parent, files, "a change", who, key=key, now=self.now)

    def deploy(self, shares: Shares, who: str = "engineer", *, stopped: bool = False) -> str:
        """Commit what a deployment declares."""
        slots = tuple(Slot(slot_name(digest), digest, percent) for digest, percent in shares)
        wanted = Deployment("dev", "m", slots, stopped=stopped)
        head = self.hand.remote_head()
        return self.commit(dict(render_deployment(wanted, self.platform)), who, parent=head)

    def reset(self, commit: str) -> None:
        """Move `main` by force."""
        self.remote.run("update-ref", "refs/heads/main", commit)

    def unsign(self, commit: str) -> str:
        """Take the signature out of a commit of `main`, and return what is there then."""
        content = _SIGNATURE.sub(b"", self.hand.raw([commit])[commit])
        made = self.remote.run("hash-object", "-t", "commit", "-w", "--stdin", stdin=content)
        self.reset(made.decode().strip())
        return made.decode().strip()

    def follow(self, name: str, *, admitting: bool = False) -> VerifiedBranch:
        """Make one pass of the follower of this name."""
        self.now += _MINUTE
        place = self.folder / name
        pin, main = place / "trust.json", Repository(str(self.remote.folder), place / "copy")
        branch = Repository(str(self.remote.folder), place / "copy", branch=VERIFIED)
        if not pin.exists():
            place.mkdir()
            write_pin(pin, Pin(self.root, ""))
        head = branch_head(branch)
        trusted, fault = GitSource(main, pin, lambda: self.now).followed()
        if TRUSTED in self.without and fault is not None:
            with main.incoming() as (held, commit):
                main.take(held, commit)
            trusted, fault = Trusted(commit, self.platform), None

        def judge(deployment: Deployment, digest: Digest) -> Objection | None:
            is_admitted = admitting or digest != _BAD or JUDGED in self.without
            return None if is_admitted else Objection("the gates refuse it")

        return BranchKeeper(main, branch, Surveyor(main), judge).move(head, trusted, fault)

    def push(self, commit: str) -> str:
        """Move the branch as a follower does; by force without its rule. Return why it refused."""
        branch = Repository(
            str(self.remote.folder), self.folder / "follower" / "copy", branch=VERIFIED
        )
        try:
            branch.forward(commit)
        except MovedOn as error:
            if FORWARD not in self.without:
                return error.message
            self.remote.run("update-ref", f"refs/heads/{VERIFIED}", commit)
        return ""

    def refusal(self, bad: str, moved: VerifiedBranch) -> str:
        """Return why the branch is not at a commit; empty if it is."""
        head = self.remote.run("rev-parse", f"refs/heads/{VERIFIED}").decode().strip()
        return "" if head == bad else moved.reason


Attempt = Callable[[BranchScene], str]


def _signed_by(who: str, scene: BranchScene) -> str:
    return scene.refusal(scene.deploy(((_GOOD, 100),), who, stopped=True), scene.follow("follower"))


def _unsigned(scene: BranchScene) -> str:
    bad = scene.unsign(scene.deploy(((_GOOD, 100),), stopped=True))
    return scene.refusal(bad, scene.follow("follower"))


def _enters(shares: Shares, scene: BranchScene) -> str:
    return scene.refusal(scene.deploy(shares), scene.follow("follower"))


def _grows(scene: BranchScene) -> str:
    scene.deploy(((_GOOD, 90), (_BAD, 10)))
    scene.follow("follower", admitting=True)
    return scene.refusal(scene.deploy(((_GOOD, 50), (_BAD, 50))), scene.follow("follower"))


def _starts_again(scene: BranchScene) -> str:
    shares = ((_GOOD, 50), (_BAD, 50))
    scene.deploy(shares, stopped=True)
    scene.follow("follower")
    return scene.refusal(scene.deploy(shares), scene.follow("follower"))


def _forced_back(scene: BranchScene) -> str:
    scene.deploy(((_GOOD, 100),), stopped=True)
    scene.follow("follower")
    scene.reset(scene.good)
    moved = scene.follow("new follower")
    if FORWARD in scene.without:
        scene.push(moved.newest)
    return scene.refusal(scene.good, moved)


def _slower(scene: BranchScene) -> str:
    scene.deploy(((_GOOD, 100),), stopped=True)
    scene.follow("new follower")
    return scene.push(scene.good)


_ATTEMPTS: tuple[tuple[str, str, Attempt], ...] = (
    ("a commit by a key that nobody listed is to reach clusters", TRUSTED,
        partial(_signed_by, "stranger")),
    ("a commit of somebody who has left is to reach clusters", TRUSTED,
        partial(_signed_by, "leaver")),
    ("a commit without a signature is to reach clusters", TRUSTED, _unsigned),
    ("a release that the gates refuse is to reach clusters", JUDGED,
        partial(_enters, ((_GOOD, 90), (_BAD, 10)))),
    ("a refused release is to reach clusters as a dark launch", JUDGED,
        partial(_enters, ((_GOOD, 100), (_BAD, 0)))),
    ("a release that is refused by now is to get more traffic in clusters", JUDGED, _grows),
    ("a refused release that was stopped is to start again in clusters", JUDGED, _starts_again),
    ("main is forced back, and a new follower is to take clusters back", FORWARD, _forced_back),
    ("the slower of two followers is to take clusters back", FORWARD, _slower),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class BranchAttack:
    """An attack on what clusters follow, and the control that has to refuse it."""

    name: str
    control: str
    act: Attempt

    def attempt(self, without: frozenset[str]) -> str:
        """Return why it was refused without some controls; empty if it was not."""
        return _attempted(self.act, without & frozenset(BRANCH_CONTROLS))


@cache
def _attempted(act: Attempt, without: frozenset[str]) -> str:
    # A scene asks for these controls alone, and takes half a second of git.
    with TemporaryDirectory(prefix="gp-") as name:
        return act(BranchScene(Path(name), without))


BRANCH_ATTACKS = tuple(BranchAttack(*each) for each in _ATTEMPTS)
