"""Paths that only a foreign program can commit: they hide nothing and stop nobody."""

import dataclasses
import subprocess
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from goldenpath.errors import VerificationError
from goldenpath.promote.platform.platform import render_platform
from goldenpath.promote.repository.commit import insert_signature, render_commit
from goldenpath.promote.repository.desired_state import Surveyor
from tests.promote.example import ONE
from tests.promote.repository.test_chain_of_trust import NOW, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def commit_by_hand(world: World, files: Mapping[bytes, bytes], later: int = 0) -> str:
    """A commit by a listed person with plain git, which the verbs would refuse."""
    remote = world.folder / "remote.git"

    def git(*words: str, stdin: bytes = b"") -> str:
        done = subprocess.run(
            ["git", f"--git-dir={remote}", *words],
            input=stdin, capture_output=True, check=True,
            env={"PATH": "/usr/bin:/bin", "GIT_INDEX_FILE": str(world.folder / "index")},
        )  # fmt: skip
        return done.stdout.decode().strip()

    git("read-tree", world.head)
    lines = b""
    for path, content in files.items():
        blob = git("hash-object", "-w", "--stdin", stdin=content)
        lines += b"100644 %b\t%b\0" % (blob.encode(), path)
    git("update-index", "-z", "--index-info", stdin=lines)
    tree = git("write-tree")
    moment = NOW + timedelta(minutes=later)
    content = render_commit(tree, (world.head,), "engineer", moment, message="change")
    signed = insert_signature(content, world.keys["engineer"].sign(content, "git"))
    world.head = git("hash-object", "-t", "commit", "-w", "--stdin", stdin=signed)
    git("update-ref", "refs/heads/main", world.head)
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


@pytest.mark.parametrize(
    "model",
    [b"a\nb", b"a\tb", b'a"b', "ü".encode(), b"a b", b"a\\b", b"\x7f", b"\r", b"a:b", b"a^{commit}",
     b"\xff", b"-x", b"\x1b[2J"],
)  # fmt: skip
@pytest.mark.parametrize("file", [b"inferenceservice.yaml", b"release.yaml", b"x\ny"])
def test_a_strange_path_stops_no_other_deployment(world: World, model: bytes, file: bytes) -> None:
    world.commit("engineer", world.deployed(ONE))
    commit_by_hand(world, {b"envs/dev/%b/%b" % (model, file): b"hold: ["})
    commit_by_hand(world, {b"readme": b""})

    found = Surveyor(world.repository).survey(world.trusted())

    assert [each.slots[0].digest for each in found.deployments] == [ONE]
