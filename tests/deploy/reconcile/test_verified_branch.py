"""The branch `verified` over real git: what moves it, and what never does."""

import dataclasses
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from goldenpath.deploy.reconcile.gitops_source import GitSource
from goldenpath.deploy.reconcile.verified_branch import (
    BranchKeeper,
    Objection,
    VerifiedBranch,
    branch_head,
    rises,
)
from goldenpath.digest import Digest
from goldenpath.errors import NotFound, Unavailable
from goldenpath.promote.manifests.cluster import VERIFIED
from goldenpath.promote.manifests.deployment_files import Survey, render_deployment
from goldenpath.promote.manifests.desired import Deployment, Slot, slot_name
from goldenpath.promote.repository.address import MovedOn, Protected
from goldenpath.promote.repository.chain_of_trust import Pin, write_pin
from goldenpath.promote.repository.worktree import Repository
from goldenpath.promote.workspace.desired_state import Surveyor
from goldenpath.release.attest.signatures.sshsig import SshKey
from tests.promote.example import ONE, TWO
from tests.promote.repository.deployed import deployed, replacing
from tests.promote.repository.test_chain_walk import Place

MINUTE = timedelta(minutes=1)
THREE = Digest.of(b"three")


class ClusterFollower:
    """A follower of a cluster on real git, whose verdicts on releases are given."""

    def __init__(self, place: Place, name: str = "machine") -> None:
        self.place = place
        self.folder = place.folder / name
        self.refused: dict[Digest, Objection] = {}
        if not (self.folder / "trust.json").exists():
            self.folder.mkdir()
            write_pin(self.folder / "trust.json", Pin(place.root, ""))
        url, cache = str(place.hand.remote), self.folder / "cache"
        self.main = Repository(url, cache)
        self.branch = Repository(url, cache, branch=VERIFIED)

    def move(self) -> VerifiedBranch:
        self.place.now += MINUTE
        head = branch_head(self.branch)
        source = GitSource(self.main, self.folder / "trust.json", lambda: self.place.now)
        trusted, fault = source.followed()
        surveyor = Surveyor(self.main)
        keeper = BranchKeeper(
            self.main, self.branch, surveyor, lambda _, digest: self.refused.get(digest)
        )
        return keeper.move(head, trusted, fault)

    def refuse(self, digest: Digest, reason: str = "nobody approved it") -> None:
        self.refused[digest] = Objection(reason)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def follower(place: Place) -> ClusterFollower:
    return ClusterFollower(place)


def at(place: Place) -> str:
    """Where the remote has the branch."""
    return place.hand.git("for-each-ref", "--format=%(objectname)", f"refs/heads/{VERIFIED}")


def put(place: Place, files: Mapping[str, bytes | None]) -> str:
    """Commit whole deployments, signed by a listed person."""
    place.now += MINUTE
    machine = Repository(str(place.hand.remote), place.folder / "reader")
    machine.fetch()
    whole = replacing(machine, place.hand.head, files)
    return place.hand.commit(place.keys["engineer"], whole, place.now)


def shares(place: Place, *parts: tuple[Digest, int]) -> Mapping[str, bytes | None]:
    slots = tuple(Slot(slot_name(digest), digest, percent) for digest, percent in parts)
    return dict(render_deployment(Deployment("dev", "m", slots), place.platform))


def test_it_begins_at_the_newest_commit_and_goes_forward(
    place: Place, follower: ClusterFollower
) -> None:
    first = put(place, deployed(place.platform, ONE))
    assert at(place) == ""
    assert follower.move() == VerifiedBranch(first, first, "current")
    second = put(place, deployed(place.platform, TWO))

    assert follower.move() == VerifiedBranch(second, second, "current")
    assert at(place) == second
    assert follower.move() == VerifiedBranch(second, second, "current")


def test_it_does_not_begin_while_a_release_is_refused(
    place: Place, follower: ClusterFollower
) -> None:
    put(place, deployed(place.platform, ONE))
    second = put(place, deployed(place.platform, TWO))
    follower.refuse(TWO)

    moved = follower.move()

    assert (moved.commit, moved.state, at(place)) == ("", "waits", "")
    assert moved.reason == f"{second[:12]}: dev/m {TWO.short}: nobody approved it"


def test_a_commit_of_nobody_does_not_move_it_and_those_before_do(
    place: Place, follower: ClusterFollower
) -> None:
    put(place, deployed(place.platform, ONE))
    follower.move()
    good = put(place, deployed(place.platform, TWO))
    stranger = SshKey.generate(place.folder / "stranger")
    bad = place.hand.commit(stranger, deployed(place.platform, THREE, model="n"), place.now)

    moved = follower.move()

    assert (moved.commit, moved.state, at(place)) == (good, "waits", good)
    assert bad[:12] in moved.reason and "a key that platform.toml does not list" in moved.reason
    place.hand.reset(good)
    assert follower.move().state == "current"


@pytest.mark.parametrize("name", ["machine", "new pod"])
def test_a_forced_push_never_moves_it_back(place: Place, name: str) -> None:
    first = put(place, deployed(place.platform, ONE))
    second = put(place, deployed(place.platform, TWO))
    ClusterFollower(place).move()
    place.hand.reset(first)

    moved = ClusterFollower(place, name).move()

    assert at(place) == second == moved.commit
    assert moved.state == ("waits" if name == "machine" else "astray")
    assert ("was rewritten" in moved.reason) == (name == "machine")
    other = put(place, deployed(place.platform, THREE))
    assert ClusterFollower(place, name).move().commit == second == at(place) != other


def test_a_refused_release_keeps_it_and_what_mends_main_frees_it(
    place: Place, follower: ClusterFollower
) -> None:
    put(place, deployed(place.platform, ONE))
    follower.move()
    before = put(place, deployed(place.platform, ONE, model="n"))
    bad = put(place, deployed(place.platform, TWO))
    follower.refuse(TWO)
    later = put(place, deployed(place.platform, ONE, model="o"))

    moved = follower.move()

    assert (moved.commit, at(place), moved.newest, moved.state) == (before, before, later, "waits")
    assert moved.reason.startswith(f"{later[:12]}: dev/m")
    assert bad != later
    mended = put(place, deployed(place.platform, ONE))
    assert follower.move() == VerifiedBranch(mended, mended, "current")


def test_what_could_not_be_judged_is_neither_yes_nor_no(
    place: Place, follower: ClusterFollower
) -> None:
    first = put(place, deployed(place.platform, ONE))
    follower.move()
    put(place, deployed(place.platform, TWO))
    follower.refused[TWO] = Objection("the registry is away", is_known=False)

    moved = follower.move()

    assert (moved.commit, moved.state, at(place)) == (first, "unknown", first)


def test_a_release_that_is_refused_by_now_can_be_taken_back_and_not_raised(
    place: Place, follower: ClusterFollower
) -> None:
    put(place, shares(place, (ONE, 90), (TWO, 10)))
    follower.move()
    follower.refuse(TWO)
    raised = put(place, shares(place, (ONE, 50), (TWO, 50)))
    assert (follower.move().state, at(place) == raised) == ("waits", False)
    lowered = put(place, shares(place, (ONE, 95), (TWO, 5)))
    assert follower.move() == VerifiedBranch(lowered, lowered, "current")
    gone = put(place, shares(place, (ONE, 100)))

    assert follower.move() == VerifiedBranch(gone, gone, "current")


def test_starting_a_stopped_release_is_a_rise() -> None:
    one = Deployment("dev", "m", (Slot(slot_name(ONE), ONE, 100),))
    stopped = dataclasses.replace(one, stopped=True)

    def risen(before: Deployment, after: Deployment) -> list[Digest]:
        surveys = (Survey((each,), {}, ()) for each in (before, after))
        return [rise.digest for rise in rises(*surveys)]

    assert (risen(stopped, one), risen(one, stopped), risen(one, one)) == ([ONE], [], [])


def test_a_file_that_cannot_be_read_keeps_it_and_an_old_one_keeps_nothing(
    place: Place, follower: ClusterFollower
) -> None:
    first = put(place, deployed(place.platform, ONE))
    follower.move()
    put(place, {"envs/dev/m/route.yaml": b"["})
    moved = follower.move()
    assert (moved.commit, moved.state, "route.yaml" in moved.reason) == (first, "waits", True)
    # Somebody lets it through by hand; what comes on top of it is judged by its own changes.
    place.hand.git("update-ref", f"refs/heads/{VERIFIED}", place.hand.head)
    later = put(place, deployed(place.platform, ONE, model="n"))

    assert follower.move() == VerifiedBranch(later, later, "current")


def test_where_somebody_else_moved_it_is_said_and_nothing_is_forced(
    place: Place, follower: ClusterFollower
) -> None:
    put(place, deployed(place.platform, ONE))
    follower.move()
    good = place.hand.head
    stranger = SshKey.generate(place.folder / "stranger")
    theirs = place.hand.commit(stranger, deployed(place.platform, TWO), place.now)
    place.hand.git("update-ref", f"refs/heads/{VERIFIED}", theirs)
    place.hand.reset(good)

    moved = follower.move()

    assert (moved.commit, moved.state, at(place)) == (theirs, "astray", theirs)
    assert f"it is at {theirs[:12]}" in moved.reason
    with pytest.raises(MovedOn, match="cannot go forward"):
        follower.branch.forward(good)
    assert at(place) == theirs


def test_of_two_followers_the_slower_one_moves_nothing_back(place: Place) -> None:
    slow, fast = ClusterFollower(place), ClusterFollower(place, "other")
    first = put(place, deployed(place.platform, ONE))
    slow.move()
    second = put(place, deployed(place.platform, TWO))
    assert fast.move().commit == second

    with pytest.raises(MovedOn):
        slow.branch.forward(first)

    assert at(place) == second
    assert slow.move() == VerifiedBranch(second, second, "current")


def test_a_remote_that_is_away_or_refuses_moves_nothing(
    place: Place, follower: ClusterFollower
) -> None:
    first = put(place, deployed(place.platform, ONE))
    follower.move()
    put(place, deployed(place.platform, TWO))
    hook = place.hand.remote / "hooks" / "update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'this key may not push' >&2\nexit 1\n")
    hook.chmod(0o755)

    with pytest.raises(Protected, match="refused to move verified"):
        follower.move()
    assert at(place) == first
    place.hand.remote.rename(place.folder / "away")
    with pytest.raises(Unavailable):
        branch_head(follower.branch)
    with pytest.raises(NotFound):
        Repository(str(place.folder / "away"), follower.main.cache, branch="none").remote_head()
