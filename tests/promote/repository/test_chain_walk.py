"""Whose time counts: attacks by dates, and honest histories that machines meet late.

Every commit is real git. The clock is set by hand; it is the clock of the machine that follows.
"""

import dataclasses
import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from goldenpath.errors import GoldenPathError, VerificationError
from goldenpath.promote.manifests.deployment_files import route_path
from goldenpath.promote.platform.platform import Freeze, Platform, render_platform
from goldenpath.promote.repository.chain_of_trust import (
    Pin,
    Trusted,
    follow,
    last_trusted,
    note_look,
    read_pin,
    write_pin,
)
from goldenpath.promote.repository.commit_rules import TAKE_OUT
from goldenpath.promote.repository.first_seen import FirstSeen
from goldenpath.promote.repository.git import Git
from goldenpath.promote.repository.worktree import Repository
from goldenpath.release.attest.policy import Person
from goldenpath.release.attest.signatures.sshsig import SshKey
from tests.prepared import copy_prepared, let_git_hurry
from tests.promote.example import ONE, TWO, platform
from tests.promote.repository.by_hand import Hand
from tests.promote.repository.deployed import instead

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
NAMES = ("engineer", "contractor", "rollout")


class Machine:
    """A machine that follows, with a home and a clock of its own."""

    def __init__(self, town: "Place", name: str) -> None:
        self.town = town
        self.pin = town.folder / name / "trust.json"
        self.repository = Repository(str(town.hand.remote), town.folder / name / "cache")
        if not self.pin.exists():
            self.pin.parent.mkdir()
            write_pin(self.pin, Pin(town.root, ""))

    def follow(self) -> Trusted:
        """Follow now."""
        return follow(self.repository, self.pin, self.town.now)

    def refuses(self) -> str:
        """Follow now, and return why the head is not followed."""
        with pytest.raises(VerificationError) as refused:
            self.follow()
        return refused.value.message


def _platform(keys: Mapping[str, SshKey]) -> Platform:
    lines = {name: key.public_line for name, key in keys.items()}
    return dataclasses.replace(
        platform(),
        people=(
            Person("engineer", ("platform-engineer",), lines["engineer"]),
            Person("contractor", (), lines["contractor"], None, NOW + 10 * DAY),
        ),
        commit_keys=(Person("rollout", (), lines["rollout"]),),
    )


def _set_up(folder: Path) -> None:
    """The first commit, and a machine that follows it."""
    remote = folder / "remote.git"
    Git(remote, {"PATH": "/usr/bin:/bin"}).initialise()
    keys = {name: SshKey.generate(folder / name) for name in NAMES}
    maker = Repository(str(remote), folder / "maker")
    files = {"platform.toml": render_platform(_platform(keys))}
    root = maker.commit(None, files, "begin", "engineer", key=keys["engineer"], now=NOW)
    machine, pin = Repository(str(remote), folder / "machine" / "cache"), folder / "machine"
    pin.mkdir()
    write_pin(pin / "trust.json", Pin(root, ""))
    follow(machine, pin / "trust.json", NOW)
    let_git_hurry(remote, machine.cache)


class Place:
    """Two people and a machine key on one remote; one person's time ends after ten days."""

    def __init__(self, folder: Path) -> None:
        copy_prepared("place", folder, _set_up)
        self.folder, self.now = folder, NOW
        self.hand = Hand(folder / "remote.git")
        self.keys = {name: SshKey.load(folder / name) for name in NAMES}
        self.platform = _platform(self.keys)
        self.root = self.hand.head
        self.machine = Machine(self, "machine")

    def commit(
        self,
        who: str,
        files: Mapping[str, bytes | None] | None = None,
        *,
        days: float | None = None,
    ) -> str:
        """A commit by hand, dated now or by `days` after the beginning."""
        when = self.now if days is None else NOW + days * DAY
        return self.hand.commit(self.keys[who], files or {"note": str(when).encode()}, when)

    def deploy(self, who: str, stage: str, *, days: float | None = None, number: int = 1) -> str:
        """A release enters a stage."""
        when = self.now if days is None else NOW + days * DAY
        new, old = ((ONE, TWO), (TWO, ONE))[number - 1]
        files = instead(self.platform, new, old, stage=stage)
        return self.hand.commit(self.keys[who], files, when)

    def change(self, changed: Platform) -> None:
        """A change of the platform, during set-up."""
        self.platform = changed
        self.commit("engineer", {"platform.toml": render_platform(changed)})

    def freeze(self, start: float, end: float) -> None:
        """Freeze prod between two days."""
        frozen = Freeze(NOW + start * DAY, NOW + end * DAY, "end of the year")
        stages = tuple(
            dataclasses.replace(each, freezes=(frozen,)) if each.name == "prod" else each
            for each in self.platform.stages
        )
        self.change(dataclasses.replace(self.platform, stages=stages))

    def at(self, days: float) -> None:
        """Let time pass."""
        self.now = NOW + days * DAY


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.mark.parametrize("dated", [-0.001, -1, -9.9], ids=["just before", "a day", "long ago"])
def test_whose_time_has_ended_commits_nothing_by_dating_back(place: Place, dated: float) -> None:
    place.at(10)
    place.machine.follow()
    place.at(13)
    place.commit("contractor", days=10 + dated)

    refused = place.machine.refuses()

    assert "after the key of contractor had expired" in refused
    assert "when this machine saw it first" in refused


def test_nobody_else_makes_it_good_by_committing_on_top(place: Place) -> None:
    place.at(10)
    place.machine.follow()
    place.at(13)
    place.commit("contractor", days=9)
    place.commit("engineer")

    assert "had expired" in place.machine.refuses()


def test_a_machine_that_saw_it_in_time_follows_it_for_ever(place: Place) -> None:
    place.at(9)
    head = place.commit("contractor")
    place.machine.follow()
    place.at(300)

    assert place.machine.follow().commit == head


def test_a_machine_that_was_off_follows_what_others_built_on(place: Place) -> None:
    place.at(9)
    place.commit("contractor")
    place.at(30)
    head = place.commit("engineer")
    place.at(31)

    assert place.machine.follow().commit == head
    assert Machine(place, "fresh").follow().commit == head


def test_a_fresh_machine_does_not_take_the_word_of_the_author_alone(place: Place) -> None:
    before = place.commit("engineer")
    place.at(30)
    place.commit("contractor", days=9)
    fresh = Machine(place, "fresh")

    assert "had expired" in fresh.refuses()
    assert last_trusted(fresh.repository, fresh.pin).commit == before


def test_a_fresh_machine_goes_on_once_somebody_else_has_built_on_it(place: Place) -> None:
    place.at(9)
    place.commit("contractor")
    place.at(30)
    fresh = Machine(place, "fresh")
    fresh.refuses()
    place.at(31)
    head = place.commit("engineer")

    assert fresh.follow().commit == head


def test_a_witness_helps_a_fresh_machine(place: Place) -> None:
    place.at(9)
    head = place.commit("contractor")
    place.at(30)
    fresh = Machine(place, "fresh")
    fresh.refuses()

    seen = {head: NOW + 9.01 * DAY}
    found = follow(fresh.repository, fresh.pin, place.now, witnessed_at=lambda _: seen)

    assert found.commit == head


def test_a_witness_that_saw_it_too_late_helps_nobody(place: Place) -> None:
    place.at(30)
    late = {place.commit("contractor", days=9): NOW + 29 * DAY}
    fresh = Machine(place, "fresh")

    with pytest.raises(VerificationError, match="had expired"):
        follow(fresh.repository, fresh.pin, place.now, witnessed_at=lambda _: late)


def test_two_keys_of_one_person_are_no_witness_for_each_other(place: Place) -> None:
    place.at(30)
    place.commit("contractor", days=8)
    place.commit("contractor", days=9)

    assert "had expired" in Machine(place, "fresh").refuses()


def test_no_freeze_is_passed_by_a_date_after_it(place: Place) -> None:
    place.freeze(5, 6)
    place.machine.follow()
    place.at(5.5)
    place.deploy("engineer", "prod", days=6.5)

    assert "in the future" in place.machine.refuses()


def test_no_freeze_is_passed_by_a_date_before_it(place: Place) -> None:
    place.freeze(5, 6)
    place.at(5.1)
    place.machine.follow()
    place.at(5.5)
    place.deploy("engineer", "prod", days=4.9)

    assert "prod is frozen" in place.machine.refuses()


def test_what_was_refused_in_a_freeze_is_not_followed_when_it_ends(place: Place) -> None:
    place.freeze(5, 6)
    place.at(5.1)
    place.machine.follow()
    place.at(5.5)
    place.deploy("engineer", "prod")
    place.machine.refuses()
    place.at(6.5)

    assert "prod is frozen" in place.machine.refuses()


def test_a_freeze_of_the_past_stops_no_fresh_machine(place: Place) -> None:
    place.freeze(5, 6)
    place.at(4)
    place.deploy("engineer", "prod")
    place.at(7)
    head = place.deploy("engineer", "prod", number=2)
    place.at(40)

    assert Machine(place, "fresh").follow().commit == head


def test_in_a_freeze_a_fresh_machine_follows_what_others_had_followed(place: Place) -> None:
    place.freeze(5, 6)
    place.at(4)
    place.deploy("engineer", "prod")
    place.at(5.2)
    head = place.commit("contractor")
    place.at(5.5)

    assert Machine(place, "fresh").follow().commit == head


def test_a_commit_dated_2099_stops_nobody(place: Place) -> None:
    before = place.hand.head
    place.commit("contractor", days=26_000)
    refused = place.machine.refuses()
    assert "dated in the future: 20" in refused

    place.hand.reset(before)
    place.at(1)
    head = place.commit("engineer")

    assert place.machine.follow().commit == head


def test_commits_before_a_bad_one_are_followed(place: Place) -> None:
    good = place.commit("engineer")
    place.commit("contractor", days=26_000)
    place.commit("engineer")

    place.machine.refuses()

    assert last_trusted(place.machine.repository, place.machine.pin).commit == good
    assert place.machine.repository.head() == good


@pytest.mark.parametrize("ahead", [4, 0], ids=["a clock that is ahead", "the same clock"])
def test_clocks_may_differ_a_little(place: Place, ahead: int) -> None:
    place.hand.commit(place.keys["engineer"], {"a": b"1"}, place.now + timedelta(minutes=ahead))
    head = place.hand.commit(place.keys["engineer"], {"a": b"2"}, place.now)

    assert place.machine.follow().commit == head


def test_a_machine_whose_clock_was_behind_follows_once_it_is_set(place: Place) -> None:
    place.at(5)
    head = place.commit("engineer")
    place.at(2)
    place.machine.refuses()
    place.at(5)

    assert place.machine.follow().commit == head


def test_a_machine_whose_clock_was_ahead_follows_once_it_is_set(place: Place) -> None:
    head = place.commit("contractor")
    place.at(300)
    assert "had expired" in place.machine.refuses()
    place.at(1)

    assert place.machine.follow().commit == head


def test_a_commit_dated_before_its_parent_is_refused(place: Place) -> None:
    place.at(3)
    place.commit("engineer")
    place.commit("engineer", days=2)

    assert "dated before its parent" in place.machine.refuses()


def test_the_second_signature_of_a_change_is_judged_by_that_time_too(place: Place) -> None:
    from goldenpath.promote.repository.countersign import base_of, sign_change

    place.change(dataclasses.replace(place.platform, two_people=True))
    place.at(10)
    place.machine.follow()
    base = base_of(place.machine.repository, place.hand.head)
    files: dict[str, bytes | None] = {
        "platform.toml": render_platform(dataclasses.replace(place.platform, two_people=False))
    }
    words = sign_change(base, files, "contractor", place.keys["contractor"])
    place.at(12)
    place.hand.commit(
        place.keys["engineer"], files, NOW + 9 * DAY, message=f"platform: change\n\n{words}"
    )

    assert "had expired" in place.machine.refuses()


def test_the_home_of_an_older_version_keeps_what_it_followed(place: Place) -> None:
    head = place.commit("engineer")
    place.machine.follow()
    old = read_pin(place.machine.pin)
    write_pin(place.machine.pin, Pin(old.root, old.verified))
    place.machine.pin.with_suffix(".seen").unlink()
    place.at(20)
    place.commit("engineer")

    place.machine.follow()

    (commit,) = place.machine.repository.commits([head])
    assert FirstSeen.beside(place.machine.pin).arrival(commit) == NOW


def test_a_lost_record_lets_nobody_date_back(place: Place) -> None:
    head = place.commit("engineer")
    place.machine.follow()
    place.machine.pin.with_suffix(".seen").unlink()
    place.at(20)
    place.commit("engineer")
    place.machine.follow()

    (commit,) = place.machine.repository.commits([head])
    assert FirstSeen.beside(place.machine.pin).arrival(commit) == NOW + 20 * DAY


def test_a_fresh_machine_says_whose_times_it_does_not_know(place: Place) -> None:
    place.commit("engineer")
    place.at(20)
    fresh = Machine(place, "fresh")

    note = fresh.follow().time_note

    assert note.startswith("2 commits were on main before this machine first looked, at 2026-03-21")
    assert last_trusted(fresh.repository, fresh.pin).time_note == note


def test_a_look_without_news_counts(place: Place) -> None:
    place.at(10.5)
    note_look(place.machine.pin, place.now)
    place.at(13)
    place.commit("contractor", days=9)
    place.commit("engineer")

    assert "had expired" in place.machine.refuses()


Bad = Callable[[Place], object]


def foreign(place: Place) -> None:
    place.hand.commit(SshKey.generate(place.folder / "thief"), {"x": b"x"}, place.now)


def hostile_platform(place: Place) -> None:
    place.commit("contractor", {"platform.toml": b"a = " + b"[" * 100_000})


def future(place: Place) -> None:
    place.commit("contractor", days=26_000)


def machine_on_a_malformed_file(place: Place) -> None:
    place.commit("rollout", {route_path("dev", "m"): b"{}"})


def no_platform(place: Place) -> None:
    place.hand.commit(place.keys["contractor"], {"platform.toml": None}, place.now)


def linked_platform(place: Place) -> None:
    own = render_platform(place.platform)
    place.hand.commit(place.keys["contractor"], {"platform.toml": own}, place.now, mode="120000")


def huge_message(place: Place) -> None:
    place.hand.commit(place.keys["contractor"], {"x": b""}, place.now, message="x" * 2_000_000)


BAD: list[Bad] = [
    foreign, hostile_platform, future, machine_on_a_malformed_file, no_platform, linked_platform,
    huge_message,
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_commit_that_was_taken_out_again_leaves_no_trace(place: Place, bad: Bad) -> None:
    place.commit("contractor", {route_path("dev", "m"): b"[" * 200_000})
    place.machine.follow()
    for _ in range(2):
        before = place.hand.head
        bad(place)
        with pytest.raises(VerificationError) as refused:
            place.machine.follow()
        place.hand.reset(before)
        (place.folder / "thief").unlink(missing_ok=True)
        (place.folder / "thief.pub").unlink(missing_ok=True)
        if bad is not foreign:
            assert TAKE_OUT in (refused.value.hint or "")
    place.at(1)
    head = place.commit("engineer")

    assert place.machine.follow().commit == head
    assert not list(place.machine.repository.cache.glob("incoming-*"))


def test_a_remote_without_its_main_and_back_again_is_followed(place: Place) -> None:
    before = place.commit("engineer")
    place.machine.follow()
    place.hand.reset(place.root)
    assert "was rewritten" in place.machine.refuses()
    place.hand.reset(before)
    place.at(1)
    head = place.commit("engineer")

    assert place.machine.follow().commit == head


def test_a_cache_that_was_removed_is_filled_again_as_far_as_it_is_trusted(place: Place) -> None:
    good = place.commit("engineer")
    place.machine.follow()
    shutil.rmtree(place.machine.repository.cache)
    foreign(place)

    place.machine.refuses()

    assert last_trusted(place.machine.repository, place.machine.pin).commit == good


def test_every_refusal_is_an_error_of_ours(place: Place) -> None:
    foreign(place)

    with pytest.raises(GoldenPathError, match="does not list"):
        place.machine.follow()


STRANGE_PATHS = [
    "envs/dev/m\n/inferenceservice.yaml", "envs/dev/m/inferenceservice.yaml\n",
    "envs/dev/M/inferenceservice.yaml", "envs/dev/\u0441redit/release.yaml",
    "envs/dev/m\u200b/release.yaml", "envs/dev/m/more/release.yaml", "ENVS/dev/m/release.yaml",
]  # fmt: skip


@pytest.mark.parametrize("path", STRANGE_PATHS)
def test_the_machine_writes_no_path_that_only_looks_like_a_deployment(
    place: Place, path: str
) -> None:
    before = place.hand.head
    place.commit("rollout", {path: b"kind: Pod\n"})

    assert "by the machine rollout changes" in place.machine.refuses()
    assert last_trusted(place.machine.repository, place.machine.pin).commit == before


def test_a_path_that_only_looks_like_a_deployment_stops_nobody_elses(place: Place) -> None:
    place.deploy("engineer", "dev")
    for path in STRANGE_PATHS:
        place.commit("engineer", {path: b"hold: [\n"})
    place.deploy("engineer", "dev", number=2)

    assert place.machine.follow().commit == place.hand.head


@pytest.mark.parametrize("mode", ["100644", "120000"], ids=["file", "link"])
def test_two_signatures_over_a_file_are_none_over_a_link_with_the_same_text(
    place: Place, mode: str
) -> None:
    from goldenpath.promote.repository.countersign import base_of, sign_change

    place.change(dataclasses.replace(place.platform, two_people=True))
    place.machine.follow()
    base = base_of(place.machine.repository, place.hand.head)
    files: dict[str, bytes | None] = {"policies/kyverno.yaml": b"kind: ClusterPolicy\n"}
    words = sign_change(base, files, "contractor", place.keys["contractor"])
    place.hand.commit(
        place.keys["engineer"], files, place.now, mode=mode, message=f"policies: add\n\n{words}"
    )

    refused = place.machine.refuses()

    assert ("makes policies/kyverno.yaml a link" in refused) is (mode == "120000")
    assert ("has none of the roles" in refused) is (mode == "100644")
