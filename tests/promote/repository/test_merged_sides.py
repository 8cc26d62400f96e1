"""A merge takes nothing back that one of its sides did in a stage, whichever side is the first."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from goldenpath.digest import Digest
from goldenpath.errors import VerificationError
from goldenpath.parsers.yaml_parser import render_yaml
from goldenpath.promote.manifests.deployment_files import release_path, render_deployment
from goldenpath.promote.repository.commit import insert_signature, render_commit
from goldenpath.promote.repository.git import Git
from goldenpath.promote.repository.tree import write_tree
from goldenpath.promote.workspace.stage_changes import hold
from tests.deploy.reconcile.test_entry_rules import deployment
from tests.promote.repository.deployed import replacing
from tests.promote.road import MODEL, Road

NOTE: Mapping[str, bytes | None] = {"README.md": b"by the side"}


@dataclass(frozen=True)
class Fork:
    """A road whose `main` and a branch beside it parted at `base`."""

    road: Road
    base: str
    two: Digest

    def commit(
        self, parents: tuple[str, ...], files: Mapping[str, bytes | None],
        by: str = "platform-engineer", tree_of: str = "",
    ) -> str:  # fmt: skip
        """Sign a commit with the tree of a commit, the first parent by default, and these files."""
        cache = self.road.repository.cache
        git = Git(cache, {"PATH": os.environ["PATH"]})
        self.road.pass_time(minutes=1)
        tree = write_tree(git, cache, tree_of or parents[0], files)
        content = render_commit(tree, parents, by, self.road.now, message="by hand")
        signed = insert_signature(content, self.road.people[by].key.sign(content, "git"))
        made = git.run("hash-object", "-t", "commit", "-w", "--stdin", stdin=signed)
        return made.decode().strip()

    def push(self, commit: str) -> None:
        remote = str(self.road.home.gitops)
        command = ["git", f"--git-dir={self.road.repository.cache}", "push", "--quiet", remote]
        subprocess.run([*command, f"+{commit}:refs/heads/main"], check=True)

    def refused(self, commit: str) -> str:
        self.push(commit)
        with pytest.raises(VerificationError) as error:
            self.road.trusted()
        return error.value.message


@pytest.fixture
def fork(tmp_path: Path) -> Fork:
    """`main` holds the model since both parted."""
    road = Road(tmp_path)
    one, two = road.release(b"one"), road.release(b"two")
    road.promote(one, "dev")
    base = road.trusted().commit
    road.pass_time(minutes=1)
    hold(road.desk("validator"), MODEL, "dev", "because of an incident")
    return Fork(road, base, two)


@pytest.mark.parametrize("is_first", [True, False], ids=["the side first", "main first"])
def test_a_merge_takes_no_hold_back(fork: Fork, is_first: bool) -> None:
    main = fork.road.trusted().commit
    side = fork.commit((fork.base,), NOTE)
    parents = (side, main) if is_first else (main, side)

    assert "takes back" in fork.refused(fork.commit(parents, {}, tree_of=side))


def test_nor_does_it_with_what_both_sides_changed(fork: Fork) -> None:
    main, path = fork.road.trusted().commit, release_path("dev", MODEL)
    content = fork.road.repository.read(fork.base, path)
    assert content is not None
    side = fork.commit((fork.base,), {path: content + b"# a remark\n"})

    for parents in ((main, side), (side, main)):
        for tree in parents:
            merged = fork.commit(parents, {}, tree_of=tree)
            assert "takes back" in fork.refused(merged)


@pytest.mark.parametrize("is_first", [True, False], ids=["the side first", "main first"])
def test_who_is_limited_to_models_takes_back_no_other_one(tmp_path: Path, is_first: bool) -> None:
    road = Road(tmp_path)
    one, two = road.release(b"one"), road.release(b"two")
    platform = road.trusted().platform
    limited = tuple(
        replace(each, models=("fraud-*",)) if each.name == "data-scientist" else each
        for each in platform.people
    )
    road.change_platform(replace(platform, people=limited))
    road.promote(one, "dev")
    fork = Fork(road, road.trusted().commit, two)
    road.promote(two, "dev")
    main = road.trusted().commit
    own = {"envs/dev/fraud-x/note.txt": b"a model of theirs"}
    side = fork.commit((fork.base,), own, by="data-scientist")
    parents = (side, main) if is_first else (main, side)
    merged = fork.commit(parents, {}, by="data-scientist", tree_of=side)

    assert "is limited to the models" in fork.refused(merged)
    merged = fork.commit(parents, {}, tree_of=side)
    assert "takes back" in fork.refused(merged)


def test_a_merge_that_keeps_both_sides_is_followed(fork: Fork) -> None:
    main = fork.road.trusted().commit
    side = fork.commit((fork.base,), NOTE)
    merged = fork.commit((main, side), NOTE)

    fork.push(merged)

    assert fork.road.trusted().commit == merged


def test_what_the_merge_itself_changes_is_judged_as_a_commit_of_its_signer(fork: Fork) -> None:
    """Beyond both sides: here it moves what is on hold."""
    main = fork.road.trusted().commit
    side = fork.commit((fork.base,), NOTE)
    before = fork.road.trusted()
    moved = deployment("dev", MODEL, fork.two)
    files = replacing(fork.road.repository, main, render_deployment(moved, before.platform))

    assert "on hold" in fork.refused(fork.commit((main, side), {**NOTE, **files}))


def test_a_merge_of_three_sides_is_refused(fork: Fork) -> None:
    main = fork.road.trusted().commit
    sides = tuple(fork.commit((fork.base,), {f"{each}.md": b"x"}) for each in "ab")

    assert "3 sides" in fork.refused(fork.commit((main, *sides), {}))


def test_a_side_that_has_nothing_in_common_is_refused(fork: Fork) -> None:
    main = fork.road.trusted().commit
    alone = fork.commit((), {"README.md": render_yaml({})}, tree_of=main)

    assert "begins with" in fork.refused(fork.commit((main, alone), {}))
