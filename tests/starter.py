"""The real starter for tests, made by the code that users run."""

import os
import subprocess
import sys
import tarfile
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from uv import find_uv_bin

from goldenpath.demo.bank_statements import write_statements
from goldenpath.project.scaffold import create
from goldenpath.settings import project_environment

NOW = datetime(2026, 3, 2, 8, 30, tzinfo=UTC)
KEPT = Path(__file__).parents[1] / "build" / "kept"
"""Environments of projects stay here between runs of the tests, as builds keep theirs."""
UV = find_uv_bin()
LASTING = "all-"
"""How the names of temporary folders begin that several files of tests use."""


@cache
def environment() -> dict[str, str]:
    """The environment for uv and git, with an author for commits."""
    author = {
        "GIT_AUTHOR_NAME": "data-scientist",
        "GIT_AUTHOR_EMAIL": "data-scientist@bank.example",
        "GIT_COMMITTER_NAME": "data-scientist",
        "GIT_COMMITTER_EMAIL": "data-scientist@bank.example",
    }
    return {**project_environment(os.environ, sys.executable), **author}


def share_environments(home: Path) -> None:
    """Lets builds in this home use the environments that other tests made."""
    KEPT.mkdir(parents=True, exist_ok=True)
    home.mkdir(parents=True, exist_ok=True)
    (home / "kept").symlink_to(KEPT)


def unpack_release_of_0_1(folder: Path) -> Path:
    """What version 0.1 packed of its own starter, but the lock: that names addresses."""
    with tarfile.open(Path(__file__).parent / "data" / "starter-release-0.1.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return folder / "starter-release-0.1"


def make_starter(folder: Path) -> Path:
    """A new project in `folder`, whose statements were written as the demo's bank writes them."""
    create("credit-default", folder, uv=UV, now=NOW, environment=environment())
    write_statements(folder, NOW.date())
    stamp = NOW.isoformat()
    dated = {**environment(), "GIT_AUTHOR_DATE": stamp, "GIT_COMMITTER_DATE": stamp}
    for words in (["add", "--all"], ["commit", "--quiet", "--message", "compliance: statements"]):
        subprocess.run(["git", "-C", str(folder), *words], env=dated, check=True)
    return folder
