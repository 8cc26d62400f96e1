"""What is remembered of a repository: bytes behind a digest, and never that one is missing."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from goldenpath.errors import InvalidInput
from goldenpath.promote.repository.git import Git
from goldenpath.promote.repository.git_objects import MAX_FILE, ObjectReader, read_blobs


@pytest.fixture
def git(tmp_path: Path) -> Git:
    made = Git(tmp_path / "repository", {"PATH": os.environ["PATH"]})
    made.initialise()
    return made


def blob(git: Git, content: bytes) -> str:
    return git.run("hash-object", "-w", "--stdin", stdin=content).decode().strip()


def test_what_was_read_once_needs_no_git_again(git: Git) -> None:
    one, two = blob(git, b"one"), blob(git, b"two")
    reader = ObjectReader(git)
    assert read_blobs(reader, [one], stand_in=False) == (b"one",)
    shutil.rmtree(git.folder / "objects")

    assert read_blobs(reader, [one], stand_in=False) == (b"one",)
    assert reader.small([one, two]) is None  # git fails: who asks for the sizes learns why


def test_an_object_that_was_missing_is_found_once_it_is_there(git: Git) -> None:
    reader = ObjectReader(git)
    later = subprocess.run(
        ["git", "hash-object", "--stdin"], input=b"later", capture_output=True, check=True
    ).stdout.decode().strip()  # fmt: skip
    assert read_blobs(reader, [later], stand_in=False) == (None,)

    assert blob(git, b"later") == later
    assert read_blobs(reader, [later], stand_in=False) == (b"later",)


def test_a_name_that_may_move_is_asked_each_time(git: Git) -> None:
    reader = ObjectReader(git)
    for content in (b"one", b"two"):
        git.run("update-ref", "refs/notes/any", blob(git, content))
        assert read_blobs(reader, ["refs/notes/any"], stand_in=False) == (content,)


@pytest.mark.parametrize("size", [MAX_FILE, MAX_FILE + 1, 6 * MAX_FILE])
def test_a_file_is_too_large_the_second_time_too(git: Git, size: int) -> None:
    name, small = blob(git, bytes(size)), blob(git, b"small")
    reader = ObjectReader(git)

    for _ in range(2):
        if size <= MAX_FILE:
            assert read_blobs(reader, [small, name], stand_in=False) == (b"small", bytes(size))
            continue
        with pytest.raises(InvalidInput, match="is too large"):
            read_blobs(reader, [small, name], stand_in=False)
        first, second = read_blobs(reader, [small, name], stand_in=True)
        assert first == b"small"
        assert b"is too large" in (second or b"")


def test_a_quarantine_adds_to_what_we_remember_only_when_all_of_it_is_taken(git: Git) -> None:
    ours = ObjectReader(git)
    held = ObjectReader(git, ours)
    name = blob(git, b"held")
    held.small([name])
    shutil.rmtree(git.folder / "objects")

    assert ours.small([name]) is None
    ours.learn(held)
    assert ours.small([name]) == [("blob", b"held")]
