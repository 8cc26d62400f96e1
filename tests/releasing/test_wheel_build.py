"""The wheel of a commit: the same bytes wherever and whenever it is built, or none."""

import io
import zipfile
from pathlib import Path

import pytest

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, Unavailable, VerificationError
from releasing.wheel_build import build_wheel, source_commit
from tests.releasing.small_project import MODULE, TIME, git, make_project


def test_a_wheel_has_the_content_and_the_time_of_its_commit(tmp_path: Path) -> None:
    commit = make_project(tmp_path)
    wheel = build_wheel(tmp_path, commit)

    assert (wheel.name, wheel.version) == ("goldenpath-0.0.7-py3-none-any.whl", "0.0.7")
    assert wheel.files["goldenpath/__init__.py"] == Digest.of(MODULE.encode())
    assert commit.time == TIME
    with zipfile.ZipFile(io.BytesIO(wheel.content)) as opened:
        assert {entry.date_time for entry in opened.infolist()} == {(2026, 11, 20, 8, 0, 0)}


def test_two_repositories_with_the_same_commit_give_the_same_bytes(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"

    first, second = (build_wheel(each, make_project(each)) for each in (one, two))

    assert first.content == second.content


def test_a_build_that_does_not_repeat_itself_is_refused(tmp_path: Path) -> None:
    commit = make_project(tmp_path, draws=True)

    with pytest.raises(VerificationError, match="two builds of"):
        build_wheel(tmp_path, commit)


def test_what_no_commit_holds_is_not_released(tmp_path: Path) -> None:
    make_project(tmp_path)
    (tmp_path / "goldenpath" / "more.py").write_text("")

    with pytest.raises(InvalidInput, match=r"1 changes that no commit holds.*more\.py"):
        source_commit(tmp_path)


def test_a_project_that_cannot_be_built_says_why(tmp_path: Path) -> None:
    make_project(tmp_path)
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    git(tmp_path, "commit", "--quiet", "--all", "--message", "broken")

    with pytest.raises(Unavailable, match="the wheel cannot be built"):
        build_wheel(tmp_path, source_commit(tmp_path))
