"""The repository as the loop reads it: commits before a bad one run, and a bad head is quiet."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from goldenpath.deploy.reconcile.gitops_source import GitSource
from goldenpath.deploy.reconcile.loop import Reconciler
from goldenpath.deploy.reconcile.status import Status
from goldenpath.deploy.reconcile.verdicts import AdmissionAnswer
from goldenpath.errors import NotFound, VerificationError
from goldenpath.promote.repository.chain_of_trust import Pin, read_pin, write_pin
from tests.deploy.machine.memory import MemoryTarget
from tests.promote.example import ONE, TWO
from tests.promote.repository.by_hand import LINK
from tests.promote.repository.deployed import deployed, instead
from tests.promote.repository.test_chain_walk import Place

MINUTE = timedelta(minutes=1)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def source_of(place: Place) -> GitSource:
    return GitSource(place.machine.repository, place.machine.pin, lambda: place.now)


class Follower:
    """The loop over real git, with a target that runs everything it is told to."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.target = MemoryTarget()
        self.loop = Reconciler(
            source_of(place), lambda *_: AdmissionAnswer(()), self.target, lambda _: None
        )

    def step(self) -> Status:
        self.place.now += MINUTE
        self.loop.step(self.place.now)
        return self.loop.step(self.place.now)

    def runs(self, model: str = "m") -> object:
        found = self.target.deployments.get(f"dev/{model}")
        return found and found.slots[0].digest


def test_a_refused_head_is_not_verified_again_until_it_moves(place: Place) -> None:
    source = source_of(place)
    place.commit("contractor", days=26_000)

    errors = [refusal(source.follow) for _ in range(3)]

    assert errors[0] is errors[1] is errors[2]
    source.hurry()
    assert refusal(source.follow) is not errors[0]
    place.hand.reset(place.hand.git("rev-parse", "main^"))
    assert source.follow().commit == place.hand.head


def test_what_came_before_a_bad_commit_runs(place: Place) -> None:
    follower = Follower(place)
    place.hand.commit(place.keys["engineer"], deployed(place.platform, ONE), place.now)
    follower.step()
    place.hand.commit(place.keys["engineer"], instead(place.platform, TWO, ONE), place.now)
    place.commit("contractor", days=26_000)

    status = follower.step()

    assert follower.runs() == TWO
    (stalled,) = [each for each in status.conditions if each.type == "Stalled"]
    assert (stalled.holds, stalled.reason) == (True, "CommitNotTrusted")
    assert "dated in the future" in stalled.message


def test_a_commit_of_next_year_is_taken_out_as_the_docs_say_and_all_goes_on(place: Place) -> None:
    follower = Follower(place)
    key, before = place.keys["engineer"], place.hand.head
    place.hand.commit(key, deployed(place.platform, ONE), place.now + timedelta(days=365))
    # This machine's clock was wrong too.
    source = GitSource(
        place.machine.repository, place.machine.pin, lambda: place.now + timedelta(days=365)
    )
    source.follow()

    # At the server: one proposes to reset `main` to the commit before, a second one allows it.
    place.hand.reset(before)
    place.hand.commit(key, deployed(place.platform, TWO), place.now)

    rewritten = follower.step()
    assert follower.runs() == ONE, "what it had followed goes on running"
    assert "rewritten" in " ".join(each.message for each in rewritten.conditions)
    # As docs/following.md says: the commit before it goes into `trust.json` as `verified`.
    write_pin(place.machine.pin, replace(read_pin(place.machine.pin), verified=before))
    follower.loop.step(place.now, anew=True)
    assert follower.runs() == TWO


def test_who_never_followed_a_commit_of_next_year_goes_on_once_it_is_gone(place: Place) -> None:
    follower = Follower(place)
    key, before = place.keys["engineer"], place.hand.head
    place.hand.commit(key, deployed(place.platform, ONE), place.now + timedelta(days=365))
    stalled = follower.step()
    assert "dated in the future" in " ".join(each.message for each in stalled.conditions)

    place.hand.reset(before)
    place.hand.commit(key, deployed(place.platform, TWO), place.now)

    follower.step()
    assert follower.runs() == TWO


@pytest.mark.parametrize("kind", ["link", "folder", "malformed"])
def test_a_file_that_is_none_leaves_its_deployment_running(place: Place, kind: str) -> None:
    follower = Follower(place)
    both = {**deployed(place.platform, ONE), **deployed(place.platform, ONE, model="n")}
    place.hand.commit(place.keys["engineer"], both, place.now)
    follower.step()
    path = "envs/dev/m/route.yaml"
    key = place.keys["contractor"]
    if kind == "folder":
        place.hand.commit(key, {path: None, f"{path}/x": b"x"}, place.now)
    else:
        mode = LINK if kind == "link" else "100644"
        place.hand.commit(key, {path: b"[" * 500}, place.now, mode=mode)
    place.hand.commit(key, instead(place.platform, TWO, ONE, model="n"), place.now)

    status = follower.step()

    assert (follower.runs("m"), follower.runs("n")) == (ONE, TWO)
    (stalled,) = [each for each in status.deployments if each.name == "dev/m"]
    reasons = {each.type: (each.holds, each.reason) for each in stalled.conditions}
    assert reasons["Stalled"] == (True, "Malformed")


def test_without_any_trusted_commit_the_reason_is_told(place: Place) -> None:
    root = place.commit("engineer")
    write_pin(place.machine.pin, Pin(root, ""))

    with pytest.raises(VerificationError, match="begins with"):
        source_of(place).seen()
    with pytest.raises(NotFound, match=r"no commit .* was trusted here yet"):
        source_of(place).last()


def test_a_look_is_noted_although_nothing_is_new(place: Place) -> None:
    source, looks = source_of(place), list[datetime | None]()
    for _ in range(2):
        place.now += 10 * MINUTE
        source_of(place).follow()
        looks.append(read_pin(place.machine.pin).looked)

    assert looks[1] is not None and looks[0] is not None and looks[0] < looks[1]
    assert source.follow().commit == place.hand.head


def refusal(follow: Callable[[], object]) -> VerificationError:
    with pytest.raises(VerificationError) as refused:
        follow()
    return refused.value
