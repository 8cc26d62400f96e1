"""A branch that the platform makes: one commit, and a check-out that ends as it began."""

from pathlib import Path

import pytest

from goldenpath.errors import InvalidInput
from goldenpath.promote.repository.commit import render_commit
from goldenpath.train.source.branch_commit import BranchChange, checked_out_branch
from goldenpath.train.source_state import changes_of, open_checkout
from tests.starter import NOW, environment
from tests.train.source.repositories import git, make_project

FILE = "goldenpath.toml"
BRANCH = "renew/credit-2026-09-30"


def change(content: bytes = b"version = 2\n", file: str = FILE) -> BranchChange:
    return BranchChange(
        BRANCH,
        file,
        content,
        lambda tree, parent: render_commit(tree, (parent,), "anna", NOW, message="data: renew"),
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path / "project")


def state(root: Path) -> tuple[str, str, str]:
    """Where HEAD is, what differs, and what the file holds."""
    differing = git(root, "status", "--porcelain")
    return git(root, "rev-parse", "HEAD"), differing, (root / FILE).read_text()


def test_the_branch_is_checked_out_for_a_while_and_then_kept(project: Path) -> None:
    before = state(project)

    with checked_out_branch(project, environment(), change()) as commit:
        with open_checkout(project, environment()) as checkout:
            assert checkout.state.branch == BRANCH
            assert (checkout.state.commit, checkout.state.author) == (commit, "anna <>")
        assert changes_of(project, environment()) == ()
        assert git(project, "status", "--porcelain") == ""
        assert (project / FILE).read_text() == "version = 2\n"

    assert state(project) == before
    assert git(project, "symbolic-ref", "HEAD").strip() == "refs/heads/main"
    assert git(project, "rev-parse", BRANCH).strip() == commit
    assert git(project, "diff", "--name-only", "main", BRANCH).split() == [FILE]
    assert git(project, "rev-parse", f"{BRANCH}~").strip() == before[0].strip()


def test_a_project_in_a_folder_of_its_repository_is_changed_there_alone(project: Path) -> None:
    root = project / "src"

    with checked_out_branch(root, environment(), change(b"x = 2\n", "model/train.py")):
        assert (root / "model" / "train.py").read_text() == "x = 2\n"

    assert git(project, "diff", "--name-only", "main", BRANCH).split() == ["src/model/train.py"]
    assert git(project, "status", "--porcelain") == ""


def test_a_failure_leaves_no_branch_and_nothing_changed(project: Path) -> None:
    before = state(project)

    with (
        pytest.raises(RuntimeError),
        checked_out_branch(project, environment(), change()),
    ):
        raise RuntimeError("the training failed")

    assert state(project) == before
    assert git(project, "branch", "--list", BRANCH) == ""


def test_a_detached_head_is_detached_again(project: Path) -> None:
    git(project, "checkout", "--quiet", "--detach")
    before = state(project)

    with checked_out_branch(project, environment(), change()):
        pass

    assert state(project) == before
    assert git(project, "branch", "--show-current") == ""


def test_a_branch_that_is_there_is_refused_with_the_cure(project: Path) -> None:
    git(project, "branch", BRANCH)

    with (
        pytest.raises(InvalidInput, match="is there already") as refused,
        checked_out_branch(project, environment(), change()),
    ):
        pass

    assert f"git branch -D {BRANCH}" in (refused.value.hint or "")


def test_nothing_runs_that_the_project_configures(project: Path) -> None:
    hooks, ran = project.parent / "hooks", project.parent / "ran"
    hooks.mkdir()
    for name in ("reference-transaction", "post-checkout", "pre-commit", "post-index-change"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {ran}\n")
        (hooks / name).chmod(0o755)
    git(project, "config", "core.hooksPath", str(hooks))
    git(project, "config", "filter.spy.clean", f"touch {ran}; cat")
    git(project, "config", "filter.spy.smudge", f"touch {ran}; cat")
    (project / ".git" / "info" / "attributes").write_text("* filter=spy\n")

    with checked_out_branch(project, environment(), change()):
        pass

    assert not ran.exists()
    git(project, "branch", "other")
    assert ran.exists(), "the hooks would have run"
