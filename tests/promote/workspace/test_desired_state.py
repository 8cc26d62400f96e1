from collections.abc import Callable
from pathlib import Path

import pytest

from goldenpath.errors import VerificationError
from goldenpath.promote.manifests.deployment_files import (
    release_path,
    route_path,
    service_path,
    survey,
)
from goldenpath.promote.repository.chain_of_trust import last_trusted
from goldenpath.promote.workspace.desired_state import Surveyor
from tests.promote.example import ONE, TWO
from tests.promote.repository.deployed import deployed
from tests.promote.repository.test_chain_of_trust import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def look(world: World, file: Path | None = None) -> None:
    """The cached survey is equal to one that reads everything."""
    trusted = world.trusted()
    everything = survey(world.repository.files(trusted.commit, "envs"), trusted.platform)
    assert Surveyor(world.repository, file).survey(trusted) == everything
    assert Surveyor(world.repository, file).survey(trusted) == everything


def test_a_surveyor_says_what_reading_everything_says(world: World, tmp_path: Path) -> None:
    file = tmp_path / "survey"

    world.commit("engineer", world.deployed(ONE))
    look(world, file)
    world.commit("engineer", world.deployed(ONE, TWO))
    look(world, file)
    world.commit("engineer", {service_path("dev", "broken"): b"kind: Pod\n"})
    look(world, file)
    world.commit("engineer", dict.fromkeys(world.deployed(ONE)))
    look(world, file)


HOSTILE = [
    b"hold: " + b"[" * 120_000 + b"]" * 120_000 + b"\n",
    b"hold: " + b"{a: " * 60_000 + b"}" * 60_000,
    b"- " * 100_000 + b"hold",
    b"? " * 100_000 + b"hold",
    b"hold: &a [1]\nb: [*a, *a]\n",
    b"hold: !!python/object:os.system {}\n",
    b"hold: " + b"x" * 300_000,
    b"hold: " + b"x" * 2_000_000,
    b"hold: 1" + b":1" * 100_000,
    b"hold: \xff\n",
    b"hold: \0\n",
    b"hold: 1\n---\n" * 1000,
]


@pytest.mark.parametrize("path", [route_path, service_path])
@pytest.mark.parametrize("content", HOSTILE)
def test_a_hostile_file_stops_its_own_deployment_alone(
    world: World, content: bytes, path: Callable[[str, str], str]
) -> None:
    bomb = path("dev", "bomb")
    world.commit("engineer", {**world.deployed(ONE), bomb: content})

    found = Surveyor(world.repository).survey(world.trusted())

    assert [each.slots[0].digest for each in found.deployments] == [ONE]
    assert found.problems.keys() == {"dev/bomb"}
    assert found.problems["dev/bomb"].startswith(bomb)
    world.commit("engineer", {bomb: None})
    assert not Surveyor(world.repository).survey(world.trusted()).problems


@pytest.mark.parametrize("content", HOSTILE)
def test_a_hostile_release_file_holds_its_own_deployment_alone(
    world: World, content: bytes
) -> None:
    other = deployed(world.platform, TWO, model="other")
    world.commit("engineer", {**world.deployed(ONE), **other})
    world.commit("engineer", {release_path("dev", "m"): content})

    found = Surveyor(world.repository).survey(world.trusted())

    assert not found.problems
    assert found.standing.keys() == {"dev/m"}
    assert "release.yaml cannot be read" in found.standing["dev/m"].hold


@pytest.mark.parametrize(
    "content",
    [b"a = " + b"[" * 100_000, b"a." * 100_000 + b"b = 1", b"a = '\xff'", b"#" * 2_000_000],
)
def test_a_hostile_platform_is_refused_and_what_was_trusted_stays(
    world: World, content: bytes
) -> None:
    world.commit("engineer", world.deployed(ONE))
    before = world.trusted()
    world.commit("engineer", {"platform.toml": content})

    with pytest.raises(VerificationError, match=r"cannot be judged: platform\.toml is"):
        world.trusted()

    assert last_trusted(world.repository, world.pin) == before


def test_one_surveyor_follows_one_commit_after_the_other(world: World) -> None:
    surveyor = Surveyor(world.repository)
    world.commit("engineer", world.deployed(ONE))
    before = surveyor.survey(world.trusted())
    world.commit("engineer", world.deployed(TWO))
    after = surveyor.survey(world.trusted())

    assert [slot.digest for slot in before.deployments[0].slots] == [ONE]
    assert [slot.digest for slot in after.deployments[0].slots] == [TWO]


@pytest.mark.parametrize("content", [b"", b"\x00", b"not ours", b"\x93\x01\xa1x\x80"])
def test_what_was_kept_and_cannot_be_read_is_made_anew(
    world: World, tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "survey"
    world.commit("engineer", world.deployed(ONE))
    file.write_bytes(content)

    look(world, file)


def test_a_folder_that_cannot_be_written_costs_only_what_would_be_kept(
    world: World, tmp_path: Path
) -> None:
    world.commit("engineer", world.deployed(ONE))
    (tmp_path / "file").write_text("")
    surveyor = Surveyor(world.repository, tmp_path / "file" / "survey")

    assert surveyor.survey(world.trusted()).deployments
