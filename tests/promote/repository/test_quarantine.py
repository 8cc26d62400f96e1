"""What git finds malformed never reaches our copy, and a folder of a killed process is removed."""

import os
import time
from pathlib import Path

import pytest

from goldenpath.errors import Unavailable, VerificationError
from goldenpath.promote.repository.chain_of_trust import last_trusted
from goldenpath.promote.repository.git import Git, GitFailed
from goldenpath.promote.repository.quarantine import fetch_checked, scratch
from tests.promote.repository.by_hand import FILE
from tests.promote.repository.test_chain_walk import Place
from tests.sizes import full_size

SUBTREE = "40000"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def twice(place: Place) -> str:
    one, two = place.hand.blob(b"hold: x\n"), place.hand.blob(b"go: on\n")
    return place.hand.raw_tree((FILE, "a", one), (FILE, "a", two))


def dot_git(place: Place) -> str:
    return place.hand.raw_tree((FILE, ".git", place.hand.blob(b"x")))


def hidden_git(place: Place) -> str:
    return place.hand.raw_tree((FILE, "git~1", place.hand.blob(b"x")))


def parent_folder(place: Place) -> str:
    return place.hand.raw_tree((FILE, "..", place.hand.blob(b"x")))


def unsorted(place: Place) -> str:
    blob = place.hand.blob(b"x")
    return place.hand.raw_tree((FILE, "b", blob), (FILE, "a", blob))


def bad_mode(place: Place) -> str:
    return place.hand.raw_tree(("100600", "a", place.hand.blob(b"x")))


def padded_mode(place: Place) -> str:
    return place.hand.raw_tree(("0100644", "a", place.hand.blob(b"x")))


def path_in_a_name(place: Place) -> str:
    return place.hand.raw_tree((FILE, "envs/prod", place.hand.blob(b"x")))


def no_name(place: Place) -> str:
    return place.hand.raw_tree((FILE, "", place.hand.blob(b"x")))


@pytest.mark.parametrize(
    "tree",
    [twice, dot_git, hidden_git, parent_folder, unsorted, bad_mode, padded_mode, path_in_a_name],
)  # fmt: skip
def test_a_malformed_tree_is_not_fetched(place: Place, tree: object) -> None:
    assert callable(tree)
    before = place.hand.head
    inner = place.hand.raw_tree((SUBTREE, "inner", tree(place)))
    bad = place.hand.commit(place.keys["contractor"], {}, place.now, tree=inner)

    with pytest.raises(VerificationError, match="git finds it malformed") as refused:
        place.machine.follow()

    assert "take the commit out of main again" in (refused.value.hint or "")
    copy = Git(place.machine.repository.cache, {"PATH": os.environ["PATH"]})
    assert copy.sizes([bad, inner]) == [None, None]
    place.hand.reset(before)
    head = place.commit("engineer")
    assert place.machine.follow().commit == head


def test_a_tree_that_the_remote_cannot_send_is_followed_once_it_is_gone(place: Place) -> None:
    before = place.hand.head
    place.hand.commit(place.keys["contractor"], {}, place.now, tree=no_name(place))
    with pytest.raises(Unavailable):
        place.machine.follow()
    place.hand.reset(before)
    head = place.commit("engineer")

    assert place.machine.follow().commit == head


def test_more_than_the_limit_is_not_fetched(place: Place) -> None:
    place.commit("engineer", {"big": os.urandom(200_000)})
    copy = Git(place.machine.repository.cache, {"PATH": os.environ["PATH"]})

    with (
        scratch(copy) as held,
        pytest.raises(VerificationError, match="more than 100000 bytes at once"),
    ):
        fetch_checked(held, str(place.hand.remote), "refs/heads/main", "here", largest=100_000)


def test_an_answer_of_git_has_a_limit(place: Place) -> None:
    place.commit("engineer", {"big": b"x" * 200_000})

    with pytest.raises(GitFailed, match=r"died of signal|more than 100000 bytes"):
        Git(place.hand.remote, {"PATH": os.environ["PATH"]}).run(
            "cat-file", "blob", "main:big", largest=100_000
        )


@full_size("test_an_answer_of_git_has_a_limit")
def test_a_tree_of_a_billion_paths_stops_nobody(place: Place) -> None:
    before = place.hand.head
    tree = place.hand.raw_tree(*((FILE, f"f{n}", place.hand.blob(b"x")) for n in range(10)))
    for _ in range(9):
        tree = place.hand.raw_tree(*((SUBTREE, f"d{n}", tree) for n in range(10)))
    place.hand.commit(place.keys["contractor"], {}, place.now, tree=tree)

    with pytest.raises(VerificationError, match="cannot be judged"):
        place.machine.follow()

    assert last_trusted(place.machine.repository, place.machine.pin).commit == before


def test_an_unlisted_commit_is_refused_before_its_tree_is_read(place: Place) -> None:
    from goldenpath.release.attest.signatures.sshsig import SshKey

    tree = place.hand.raw_tree(*((FILE, f"f{n}", place.hand.blob(b"x")) for n in range(10)))
    for _ in range(12):
        tree = place.hand.raw_tree(*((SUBTREE, f"d{n}", tree) for n in range(10)))
    place.hand.commit(SshKey.generate(place.folder / "thief"), {}, place.now, tree=tree)

    assert "does not list" in place.machine.refuses()


def test_the_folder_of_a_killed_process_is_removed_later(place: Place) -> None:
    old = place.machine.repository.cache / "incoming-old"
    young = place.machine.repository.cache / "incoming-young"
    for folder in (old, young):
        folder.mkdir()
    long_ago = time.time() - 7200
    os.utime(old, (long_ago, long_ago))
    place.commit("engineer")

    place.machine.follow()

    assert not old.exists()
    assert young.exists()


def test_a_remote_that_is_gone_is_no_refusal(place: Place) -> None:
    place.hand.remote.rename(place.folder / "elsewhere")

    with pytest.raises(Unavailable, match="cannot be used"):
        place.machine.follow()
