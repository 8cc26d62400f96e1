"""A new project is complete, renamed, locked and committed, or it does not exist."""

import subprocess
import sys
from pathlib import Path

import pytest

from goldenpath.errors import InvalidInput, Unavailable
from goldenpath.project.load import faults
from goldenpath.project.scaffold import FRAMEWORKS, TEMPLATES, create
from tests.starter import NOW, UV, environment


def statements_alone(folder: Path) -> bool:
    """Whether nothing is wrong with a new project but that nobody wrote its statements yet."""
    listed = faults(folder, NOW)
    empty = {
        each.file for each in listed if each.key == "owner, approved_by, approved_on, review_by"
    }
    return {fault.file for fault in listed} == empty and "compliance/card.md" in empty


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_a_new_project_does_not_keep_the_name_of_the_starter(tmp_path: Path) -> None:
    folder = create("card-risk", tmp_path / "made", uv=UV, now=NOW, environment=environment())

    assert statements_alone(folder)
    assert (folder / "src/card_risk/train.py").is_file()
    texts = [path for path in folder.rglob("*") if path.is_file() and ".git" not in path.parts]
    for path in texts:
        content = path.read_bytes()
        assert b"credit-default" not in content, path
        assert b"credit_default" not in content, path


@pytest.mark.parametrize("framework", [name for name in FRAMEWORKS if name != "scikit-learn"])
def test_a_project_of_each_framework_is_complete(tmp_path: Path, framework: str) -> None:
    folder = create(
        "card-risk", tmp_path / "made", uv=UV, now=NOW, environment=environment(),
        framework=framework,
    )  # fmt: skip

    assert statements_alone(folder)
    texts = [path.read_text("utf-8", "replace") for path in folder.glob("*.toml")]
    for new in FRAMEWORKS[framework].texts.values():
        assert any(new in text for text in texts), new


def test_everything_is_in_the_first_commit(starter: Path) -> None:
    assert _git(starter, "status", "--porcelain") == ""
    assert "uv.lock" in _git(starter, "ls-files").splitlines()
    assert _git(starter, "log", "--format=%cI").splitlines()[-1] in {
        "2026-03-02T08:30:00+00:00",
        "2026-03-02T08:30:00Z",
    }


@pytest.mark.parametrize("folder", sorted({each.folder for each in TEMPLATES.values()}))
def test_a_template_holds_no_approval(folder: str) -> None:
    statements = Path(sys.modules[create.__module__].__file__ or "").parent / folder / "compliance"
    texts = [path.read_text() for path in statements.rglob("*") if path.is_file()]

    assert len(texts) >= 4
    for text in texts:
        assert "owner:\napproved_by:\napproved_on:\nreview_by:\n" in text


@pytest.mark.parametrize("name", ["Credit", "1st", "a_b", "", "a" * 64, "import", "json", "a/b"])
def test_a_bad_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput):
        create(name, tmp_path / "made", uv=UV, now=NOW, environment=environment())

    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_exists_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="exists already"):
        create("model", tmp_path, uv=UV, now=NOW, environment=environment())


def test_a_start_that_fails_leaves_nothing(tmp_path: Path) -> None:
    offline = {
        **environment(),
        "UV_OFFLINE": "1",
        "UV_CACHE_DIR": str(tmp_path / "cache"),
    }

    with pytest.raises(Unavailable, match="uv lock failed"):
        create("model", tmp_path / "projects/model", uv=UV, now=NOW, environment=offline)

    assert list((tmp_path / "projects").iterdir()) == []
