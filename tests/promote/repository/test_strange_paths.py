"""Paths that only a foreign program can commit: they hide nothing and stop nobody."""

import dataclasses
import itertools
import os
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from goldenpath.errors import VerificationError
from goldenpath.promote.manifests.deployment_files import Survey, survey
from goldenpath.promote.manifests.object_names import service_name
from goldenpath.promote.platform.platform import render_platform
from goldenpath.promote.repository.chain_of_trust import Trusted
from goldenpath.promote.workspace.desired_state import Surveyor
from tests.promote.example import ONE, TWO
from tests.promote.repository.by_hand import FILE, LINK, SUBMODULE, Hand
from tests.promote.repository.deployed import deployed, instead
from tests.promote.repository.test_chain_of_trust import NOW, World
from tests.sizes import full_size


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def commit_by_hand(world: World, files: Mapping[bytes, bytes], later: int = 0) -> str:
    """A commit by a listed person with plain git, which the verbs would refuse."""
    named = {os.fsdecode(path): content for path, content in files.items()}
    hand = Hand(world.folder / "remote.git")
    world.head = hand.commit(world.keys["engineer"], named, NOW + timedelta(minutes=later))
    return world.head


def sealed(world: World) -> bytes:
    """End the set-up, so that every change of trust needs two people."""
    over = dataclasses.replace(world.platform, two_people=True)
    world.commit("engineer", {"platform.toml": render_platform(over)})
    world.trusted()
    return render_platform(dataclasses.replace(over, two_people=False))


def test_one_person_alone_changes_no_trust(world: World) -> None:
    alone = sealed(world)
    commit_by_hand(world, {b"platform.toml": alone})

    with pytest.raises(VerificationError, match="changes trust"):
        world.trusted()


@pytest.mark.parametrize(
    "hidden",
    ["a\n{other}\nb", "a\n{other}", "{other}", "{other}\n", "a/{other}\n/b", ":a\n{other}", ":"],
)
def test_no_path_makes_a_change_of_trust_that_of_another_commit(world: World, hidden: str) -> None:
    """Only the position of a part says whether it is a path or a commit id."""
    alone = sealed(world)
    path = hidden.format(other=commit_by_hand(world, {b"readme": b""})).encode()
    commit_by_hand(world, {path: b"", b"platform.toml": alone})

    with pytest.raises(VerificationError, match="changes trust"):
        world.trusted()


MODELS = (
    b"a\nb", b"a\tb", b'a"b', "ü".encode(), b"a b", b"a\\b", b"\x7f", b"\r", b"a:b", b"a^{commit}",
    b"\xff", b"-x", b"\x1b[2J",
)  # fmt: skip
FILES = (
    b"inferenceservice.yaml",
    b"route.yaml",
    b"m-00000000.yaml",
    b"release.yaml",
    b"x\ny",
)


def _strange() -> Iterator[object]:
    """Every model with every file; `make test` has each model once, and each file."""
    full = full_size("test_a_strange_path_stops_no_other_deployment")
    for number, (model, file) in enumerate(itertools.product(MODELS, FILES)):
        of_model, of_file = divmod(number, len(FILES))
        is_small = of_model % len(FILES) == of_file
        yield pytest.param(model, file, marks=() if is_small else full)


@pytest.mark.parametrize(("model", "file"), tuple(_strange()))
def test_a_strange_path_stops_no_other_deployment(world: World, model: bytes, file: bytes) -> None:
    world.commit("engineer", world.deployed(ONE))
    commit_by_hand(world, {b"envs/dev/%b/%b" % (model, file): b"hold: ["})
    commit_by_hand(world, {b"readme": b""})

    found = Surveyor(world.repository).survey(world.trusted())

    assert [each.slots[0].digest for each in found.deployments] == [ONE]


ENVS = "envs/dev/m"


KINDS = ("link", "submodule", "folder", "huge", "deep", "latin", "empty")
PLACES = ("route.yaml", f"{service_name('m', ONE)}.yaml", "release.yaml")


def _no_file() -> Iterator[object]:
    """Every kind at every place; `make test` has each kind once, and each place."""
    full = full_size("test_a_file_that_is_none_stops_its_own_deployment_alone")
    for (number, kind), (place, file) in itertools.product(enumerate(KINDS), enumerate(PLACES)):
        is_small = number % len(PLACES) == place
        yield pytest.param(kind, file, marks=() if is_small else full)


@pytest.mark.parametrize(("kind", "file"), tuple(_no_file()))
def test_a_file_that_is_none_stops_its_own_deployment_alone(
    world: World, kind: str, file: str
) -> None:
    world.commit("engineer", {**world.deployed(ONE), **other(world)})
    hand, path = Hand(world.folder / "remote.git"), f"{ENVS}/{file}"
    contents: dict[str, tuple[dict[str, bytes | None], str]] = {
        "link": ({path: hand.read(path)}, LINK),
        "submodule": ({path: hand.head.encode()}, SUBMODULE),
        "folder": ({path: None, f"{path}/x": b"x"}, FILE),
        "huge": ({path: b"hold: " + b"x" * 2_000_000}, FILE),
        "deep": ({path: b"hold: " + b"[" * 200_000}, FILE),
        "latin": ({path: b"hold: \xff"}, FILE),
        "empty": ({path: b""}, FILE),
    }
    files, mode = contents[kind]
    hand.commit(world.keys["engineer"], files, NOW, mode=mode)

    trusted = world.trusted()

    found = Surveyor(world.repository).survey(trusted)
    assert found == by_content(world, trusted)
    assert [each.name for each in found.deployments if each.model == "n"] == ["dev/n"]
    if file != "release.yaml" or kind == "folder":
        assert ENVS.removeprefix("envs/") in found.problems
    elif kind != "empty":
        assert found.standing["dev/m"].hold.startswith("release.yaml cannot be read")


@pytest.mark.parametrize("kind", ["link", "submodule", "file"])
def test_what_is_no_folder_of_a_model_is_told(world: World, kind: str) -> None:
    world.commit("engineer", {**world.deployed(ONE), **other(world)})
    hand = Hand(world.folder / "remote.git")
    gone: dict[str, bytes | None] = dict.fromkeys(world.deployed(ONE))
    hand.commit(world.keys["engineer"], gone, NOW)
    content = hand.head.encode() if kind == "submodule" else b"elsewhere"
    mode = {"link": LINK, "submodule": SUBMODULE, "file": FILE}[kind]
    hand.commit(world.keys["engineer"], {ENVS: content}, NOW, mode=mode)

    found = Surveyor(world.repository).survey(world.trusted())

    assert "expected a folder" in found.problems["dev/m"]
    assert [each.name for each in found.deployments] == ["dev/n"]


def test_files_of_a_stage_that_are_of_no_model_are_not_complained_of(world: World) -> None:
    files: dict[str, bytes | None] = {
        "envs/dev/README.md": b"x", "envs/dev/.gitkeep": b"", "envs/README": b"x",
    }  # fmt: skip
    Hand(world.folder / "remote.git").commit(world.keys["engineer"], files, NOW)

    assert Surveyor(world.repository).survey(world.trusted()).problems == {}


@pytest.mark.parametrize("mode", [LINK, FILE])
def test_a_link_whose_target_reads_like_a_release_file_ends_no_hold(
    world: World, mode: str
) -> None:
    held = deployed(world.platform, ONE, hold="wait for the audit")
    free = deployed(world.platform, ONE)
    world.commit("engineer", held)
    world.trusted()
    hand = Hand(world.folder / "remote.git")
    hand.commit(world.keys["engineer"], {f"{ENVS}/release.yaml": free[f"{ENVS}/release.yaml"]}, NOW,
                mode=mode)  # fmt: skip

    if mode == LINK:
        with pytest.raises(VerificationError, match="makes dev/m unreadable"):
            world.trusted()
    else:
        world.trusted()  # a person may end a hold


@pytest.mark.parametrize("before", [b"hold: [", b"\xff", b"[" * 100_000])
def test_a_release_file_that_may_hold_a_hold_is_not_passed_over(
    world: World, before: bytes
) -> None:
    path = f"{ENVS}/release.yaml"
    world.commit("engineer", world.deployed(ONE))
    other = instead(world.platform, TWO, ONE)
    hand = Hand(world.folder / "remote.git")
    hand.commit(world.keys["engineer"], {path: b"# hold\n" + before}, NOW)
    world.trusted()
    hand.commit(world.keys["engineer"], other, NOW)

    with pytest.raises(VerificationError, match="may be on hold"):
        world.trusted()

    hand.reset(hand.git("rev-parse", "main^"))
    free = deployed(world.platform, ONE)
    hand.commit(world.keys["engineer"], {path: free[path]}, NOW)
    hand.commit(world.keys["engineer"], other, NOW)
    world.trusted()


def other(world: World) -> Mapping[str, bytes | None]:
    return deployed(world.platform, ONE, model="n")


def by_content(world: World, trusted: Trusted) -> Survey:
    """The survey that the loop makes, file by file."""
    return survey(world.repository.files(trusted.commit, "envs"), trusted.platform)
