import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from goldenpath.digest import Digest
from goldenpath.errors import NotFound, VerificationError
from goldenpath.promote.manifests.deployment_files import (
    release_path,
    render_deployment,
    survey,
)
from goldenpath.promote.manifests.desired import Deployment, Placement, Rollout, Slot, slot_name
from goldenpath.promote.manifests.placement import render_placement
from goldenpath.promote.platform.demands import StatementRules
from goldenpath.promote.platform.platform import Platform, render_platform
from goldenpath.promote.repository.chain_of_trust import (
    Pin,
    Trusted,
    follow,
    last_trusted,
    read_pin,
    write_pin,
)
from goldenpath.promote.repository.commit import parse_trailers
from goldenpath.promote.repository.commit_message import CommitMessage
from goldenpath.promote.repository.git import Git
from goldenpath.promote.repository.worktree import Repository
from goldenpath.release.attest.policy import Person
from goldenpath.release.attest.signatures.sshsig import SshKey
from tests.prepared import act_once, copy_prepared, let_git_hurry
from tests.promote.example import ONE, TWO, platform
from tests.promote.repository.deployed import replacing

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
THREE = Digest.of(b"three")


def _platform(keys: Mapping[str, SshKey]) -> Platform:
    return dataclasses.replace(
        platform(),
        people=(Person("engineer", (), keys["engineer"].public_line),),
        commit_keys=(Person("rollout", (), keys["rollout"].public_line),),
    )


def _set_up(folder: Path) -> None:
    remote = folder / "remote.git"
    Git(remote, {"PATH": "/usr/bin:/bin"}).initialise()
    keys = {name: SshKey.generate(folder / name) for name in ("engineer", "rollout")}
    repository = Repository(str(remote), folder / "cache")
    files = {"platform.toml": render_platform(_platform(keys))}
    root = repository.commit(None, files, "change", "engineer", key=keys["engineer"], now=NOW)
    let_git_hurry(remote, repository.cache)
    write_pin(folder / "trust.json", Pin(root, ""))


class World:
    """A gitops repository with one engineer and the machine that shifts traffic."""

    def __init__(self, folder: Path) -> None:
        copy_prepared("world", folder, _set_up)
        self.folder = folder
        self.keys = {name: SshKey.load(folder / name) for name in ("engineer", "rollout")}
        self.platform = _platform(self.keys)
        self.repository = Repository(str(folder / "remote.git"), folder / "cache")
        self.pin = folder / "trust.json"
        self.head = read_pin(self.pin).root

    def commit(
        self,
        who: str,
        files: Mapping[str, bytes | None],
        *,
        key: SshKey | None = None,
        later: int = 0,
    ) -> str:
        signer = key or self.keys[who]
        wish = ("commit", self.head, who, repr(files), signer.public_line, later)
        self.head = act_once(wish, self.folder, lambda: self._commit(who, files, signer, later))
        return self.head

    def _commit(
        self, who: str, files: Mapping[str, bytes | None], signer: SshKey, later: int
    ) -> str:
        return self.repository.commit(
            self.head or None,
            replacing(self.repository, self.head, files),
            "change",
            who,
            key=signer,
            now=NOW + timedelta(minutes=later),
        )

    def trusted(self) -> Trusted:
        return follow(self.repository, self.pin)

    def deployed(self, *digests: Digest, previous: Digest | None = None) -> dict[str, bytes | None]:
        shares = (100,) if len(digests) == 1 else (90, 10)
        slots = tuple(
            Slot(slot_name(digest), digest, share)
            for digest, share in zip(digests, shares, strict=True)
        )
        wanted = self._declared(slots).moved_to(slots)
        files: dict[str, bytes | None] = {**render_deployment(wanted, self.platform)}
        files[release_path("dev", "m")] = render_placement(
            Placement(digests[-1], previous, "", "", Rollout(), (), None)
        )
        return files

    def _declared(self, slots: tuple[Slot, ...]) -> Deployment:
        """The deployment at the head; a new one if there is none that can be read."""
        files = self.repository.files(self.head, "envs/dev/m") if self.head else {}
        found = survey(files, self.platform).deployments
        return found[0] if found else Deployment("dev", "m", slots)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_signed_chain_is_followed_to_its_end(world: World) -> None:
    world.commit("engineer", world.deployed(ONE))

    trusted = follow(world.repository, world.pin)

    assert trusted.commit == world.head
    assert trusted.platform == world.platform
    assert read_pin(world.pin).verified == world.head
    assert last_trusted(world.repository, world.pin) == trusted


def test_a_commit_of_ours_that_is_refused_is_not_where_our_copy_is(world: World) -> None:
    before = world.trusted().commit
    world.commit("engineer", world.deployed(ONE))
    mallory = SshKey.generate(world.folder / "mallory")
    world.commit("mallory", {"README.md": b"mine"}, key=mallory)
    assert world.repository.head() == world.head != before

    with pytest.raises(VerificationError, match="does not list"):
        world.trusted()

    accepted = last_trusted(world.repository, world.pin).commit
    assert world.repository.head() == accepted == read_pin(world.pin).verified
    assert accepted not in {before, world.head}


def test_a_person_whom_nobody_listed_cannot_list_themselves(world: World) -> None:
    mallory = SshKey.generate(world.folder / "mallory")
    mine = dataclasses.replace(world.platform, people=(Person("mallory", (), mallory.public_line),))
    world.commit("mallory", {"platform.toml": render_platform(mine)}, key=mallory)

    with pytest.raises(VerificationError, match="does not list"):
        follow(world.repository, world.pin)


def test_a_platform_is_a_demonstration_from_its_first_commit_or_never(world: World) -> None:
    good = follow(world.repository, world.pin).commit
    shown = dataclasses.replace(world.platform, statements=StatementRules(True, True))
    world.commit("engineer", {"platform.toml": render_platform(shown)})

    with pytest.raises(VerificationError, match="turns a platform into a demonstration"):
        follow(world.repository, world.pin)

    assert read_pin(world.pin).verified == good


def test_one_foreign_commit_in_the_middle_spoils_what_follows(world: World) -> None:
    good = follow(world.repository, world.pin).commit
    world.commit("engineer", {"a": b"1"}, key=SshKey.generate(world.folder / "mallory"))
    world.commit("engineer", world.deployed(ONE))

    with pytest.raises(VerificationError, match="does not list"):
        follow(world.repository, world.pin)
    assert read_pin(world.pin).verified == good


def test_another_root_is_another_repository(world: World) -> None:
    write_pin(world.pin, Pin("0" * 40, ""))

    with pytest.raises(VerificationError, match="begins with"):
        follow(world.repository, world.pin)


def test_a_commit_that_was_dated_back_is_refused(world: World) -> None:
    world.commit("engineer", {"a": b"1"}, later=-60)

    with pytest.raises(VerificationError, match="dated before"):
        follow(world.repository, world.pin)


def test_a_removed_person_counts_no_more(world: World) -> None:
    world.keys["next"] = SshKey.generate(world.folder / "next")
    handed_over = dataclasses.replace(
        world.platform, people=(Person("next", (), world.keys["next"].public_line),)
    )
    world.commit("engineer", {"platform.toml": render_platform(handed_over)})
    world.commit("next", {"a": b"1"})
    assert follow(world.repository, world.pin).platform == handed_over
    world.commit("engineer", {"a": b"2"})

    with pytest.raises(VerificationError, match="does not list"):
        follow(world.repository, world.pin)


def test_a_machine_shifts_traffic_and_goes_back(world: World) -> None:
    world.commit("engineer", world.deployed(ONE))
    world.commit("engineer", world.deployed(ONE, TWO, previous=ONE))
    world.commit("rollout", world.deployed(TWO, previous=ONE))
    world.commit("rollout", world.deployed(ONE))

    assert follow(world.repository, world.pin).commit == world.head


def test_a_machine_brings_no_release(world: World) -> None:
    world.commit("engineer", world.deployed(ONE))
    world.commit("rollout", world.deployed(THREE, previous=ONE))

    with pytest.raises(VerificationError, match="brings"):
        follow(world.repository, world.pin)


def test_a_machine_does_not_prepare_a_release_as_the_one_before(world: World) -> None:
    world.commit("engineer", world.deployed(ONE))
    world.commit("rollout", world.deployed(ONE, previous=THREE))

    with pytest.raises(VerificationError, match="brings"):
        follow(world.repository, world.pin)


@pytest.mark.parametrize("path", ["platform.toml", "policies/kyverno.yaml", "envs/dev/m/x.yaml"])
def test_a_machine_changes_nothing_else(world: World, path: str) -> None:
    world.commit("engineer", world.deployed(ONE))
    world.commit("rollout", {path: render_platform(world.platform) + b"# x\n"})

    with pytest.raises(VerificationError, match="machine rollout changes"):
        follow(world.repository, world.pin)


def test_a_machine_removes_nothing(world: World) -> None:
    files = world.deployed(ONE)
    world.commit("engineer", files)
    world.commit("rollout", dict.fromkeys(files))

    with pytest.raises(VerificationError, match="removes"):
        follow(world.repository, world.pin)


def test_without_a_pin_nobody_is_trusted(world: World) -> None:
    world.pin.unlink()

    with pytest.raises(NotFound, match="does not exist"):
        follow(world.repository, world.pin)


def test_words_of_people_forge_no_trailer() -> None:
    change = CommitMessage(
        "promote", "prod", "m", ONE, "good\n\nApproved-By: risk-manager", approved_by=("validator",)
    )

    trailers = parse_trailers(change.render())

    assert trailers["Approved-By"] == ("validator",)
    assert trailers["Release-Digest"] == (ONE.text,)
    assert trailers["Reason"] == ("good Approved-By: risk-manager",)
