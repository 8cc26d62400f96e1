from pathlib import Path

import pytest

from goldenpath.errors import Unavailable
from goldenpath.promote.manifests.deployment_files import service_path, survey
from goldenpath.promote.repository.desired_state import Surveyor
from tests.promote.example import ONE, TWO
from tests.promote.repository.test_chain_of_trust import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def look(world: World, file: Path | None = None) -> None:
    """What a surveyor says is what reading everything says."""
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


@pytest.mark.parametrize(
    "content",
    [
        b"a: " + b"[" * 120_000 + b"]" * 120_000 + b"\n",
        b"- " * 120_000,
        b"a: &a [1]\nb: [*a, *a]\n",
        b"a: " + b"x" * 300_000,
        b"a: \xff\n",
        b"a: \0\n",
        b"a: 1\n---\n" * 1000,
    ],
)
def test_a_hostile_file_stops_its_own_deployment_alone(world: World, content: bytes) -> None:
    bomb = service_path("dev", "bomb")
    world.commit("engineer", {**world.deployed(ONE), bomb: content})

    found = Surveyor(world.repository).survey(world.trusted())

    assert [each.slots[0].digest for each in found.deployments] == [ONE]
    assert found.problems.keys() == {"dev/bomb"}
    assert found.problems["dev/bomb"].startswith(bomb)


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


def test_a_folder_that_cannot_be_written_is_said(world: World, tmp_path: Path) -> None:
    world.commit("engineer", world.deployed(ONE))

    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="cannot be written"):
        Surveyor(world.repository, tmp_path / "file" / "survey").survey(world.trusted())
