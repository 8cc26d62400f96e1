"""A project of one module that is named like ours, in git, to build and install in seconds."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

from releasing.wheel_build import SourceCommit, source_commit

PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "goldenpath"
version = "0.0.7"
requires-python = ">=3.11"

[project.scripts]
goldenpath = "goldenpath:main"

[tool.hatch.build.targets.wheel]
packages = ["goldenpath"]
"""
MODULE = """
import sys
def main():
    print("called with", *sys.argv[1:2], "and", len(sys.argv) - 2, "more")
"""
HOOK = """
import os
from hatchling.builders.hooks.plugin.interface import BuildHookInterface
class Hook(BuildHookInterface):
    def initialize(self, version, build_data):
        with open("goldenpath/drawn.py", "w") as file:
            file.write(f"DRAWN = {os.urandom(8)!r}")
"""
TIME = datetime(2026, 11, 20, 8, tzinfo=UTC)


def git(folder: Path, *arguments: str) -> None:
    """git with a name and a time of its own."""
    date = TIME.isoformat()
    subprocess.run(
        ["git", "-c", "user.name=x", "-c", "user.email=x@example.org", *arguments],
        cwd=folder, check=True, capture_output=True,
        env={"PATH": "/usr/bin:/bin", "GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date},
    )  # fmt: skip


def make_project(folder: Path, *, draws: bool = False) -> SourceCommit:
    """The project in a repository; one that `draws` writes something else in each build."""
    (folder / "goldenpath").mkdir(parents=True)
    more = "\n[tool.hatch.build.hooks.custom]\n" if draws else ""
    (folder / "pyproject.toml").write_text(PROJECT + more)
    (folder / "goldenpath" / "__init__.py").write_text(MODULE)
    if draws:
        (folder / "hatch_build.py").write_text(HOOK)
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "all")
    return source_commit(folder)
