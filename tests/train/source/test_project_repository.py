"""Nothing that the repository of a project configures is run, and a missing answer is no answer."""

from pathlib import Path

import pytest

from goldenpath.errors import InvalidInput, Unavailable
from goldenpath.train.source.project_repository import optional_git
from goldenpath.train.source_state import open_checkout
from tests.quick_project import commit
from tests.starter import environment
from tests.train.source.repositories import git, make_project, read_source

SETTINGS = (
    "core.fsmonitor", "core.pager", "pager.log", "pager.status", "core.sshCommand", "core.editor",
    "core.askPass", "core.gitProxy", "diff.external", "gpg.program", "gpg.ssh.program",
    "gpg.x509.program", "filter.any.clean", "filter.any.smudge", "filter.any.process",
    "diff.any.textconv", "diff.any.command", "alias.log", "alias.rev-parse", "alias.ls-files",
    "credential.helper", "core.alternateRefsCommand", "trailer.any.command",
    "remote.origin.uploadpack", "log.mailmap", "uploadpack.packObjectsHook",
)  # fmt: skip


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = make_project(tmp_path / "project")
    git(folder, "remote", "add", "origin", "ssh://user@host.example/path.git")
    return folder


def _trap(project: Path) -> tuple[Path, Path]:
    """Make a program that leaves a file behind. Returns both."""
    program, left = project.parent / "trap", project.parent / "sprung"
    program.write_text(f"#!/bin/sh\ntouch {left}\ncat\n")
    program.chmod(0o755)
    return program, left


def _use_all(project: Path, target: Path) -> None:
    with open_checkout(project, environment()) as checkout:
        checkout.export(target, ())
    optional_git(project, environment(), "rev-parse", "--show-toplevel")
    optional_git(project, environment(), "cat-file", "-e", "HEAD^{commit}")


@pytest.mark.parametrize("setting", SETTINGS)
def test_no_setting_of_the_project_runs_a_program(
    project: Path, tmp_path: Path, setting: str
) -> None:
    (project / ".gitattributes").write_text("* filter=any diff=any\n")
    commit(project)
    program, left = _trap(project)
    git(project, "config", setting, f"!{program}" if setting.startswith("alias") else str(program))
    git(project, "config", "log.showSignature", "true")
    (project / "notes/readme.txt").write_text("changed")

    _use_all(project, tmp_path / "target")

    assert not left.exists()


def test_a_monitor_that_a_training_configured_would_have_run(project: Path) -> None:
    program, left = _trap(project)
    git(project, "config", "core.fsmonitor", str(program))

    git(project, "status")

    assert left.exists(), "the trap works"


def test_no_hook_and_no_included_file_of_the_project_runs_a_program(
    project: Path, tmp_path: Path
) -> None:
    program, left = _trap(project)
    for name in ("post-checkout", "post-index-change", "reference-transaction", "pre-auto-gc"):
        hook = project / ".git" / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch {left}\n")
        hook.chmod(0o755)
    (tmp_path / "more").write_text(f"[core]\n\tfsmonitor = {program}\n")
    git(project, "config", "include.path", str(tmp_path / "more"))

    _use_all(project, tmp_path / "target")

    assert not left.exists()


def test_a_partial_clone_fetches_nothing_by_a_command_of_the_project(
    project: Path, tmp_path: Path
) -> None:
    program, left = _trap(project)
    git(project, "config", "extensions.partialClone", "origin")
    git(project, "config", "remote.origin.promisor", "true")
    git(project, "config", "remote.origin.url", f"ext::{program}")
    git(project, "config", "protocol.ext.allow", "always")
    name = git(project, "rev-parse", "HEAD:notes/readme.txt").strip()
    (project / ".git" / "objects" / name[:2] / name[2:]).unlink()

    with pytest.raises(Unavailable, match=r"missing"):
        _use_all(project, tmp_path / "target")

    assert not left.exists()


def test_the_state_is_read_as_before(project: Path) -> None:
    source = read_source(project, environment())

    assert source.commit == git(project, "rev-parse", "HEAD").strip()
    assert (source.branch, source.dirty) == ("main", False)
    assert source.remote == "ssh://user@host.example/path.git"


def test_a_folder_without_a_repository_or_commit_is_refused_with_a_cure(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="has no commit") as refused:
        read_source(tmp_path, environment())
    assert "git init" in (refused.value.hint or "")
    git(tmp_path, "init", "--quiet")

    with pytest.raises(InvalidInput, match="has no commit") as refused:
        read_source(tmp_path, environment())
    assert "git init" not in (refused.value.hint or "")
