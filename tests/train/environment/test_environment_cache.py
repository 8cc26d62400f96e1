"""An environment is made once for each lock, and no program of a project can change it."""

import shutil
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from goldenpath.errors import InvalidInput
from goldenpath.home import Home
from goldenpath.project.load import load_project
from goldenpath.train.environment.environment_cache import (
    MAX_KEPT,
    CachedEnvironment,
    cache_key,
    cached_environment,
    record_modules,
)
from goldenpath.train.run import train
from tests.confined import confined
from tests.starter import NOW, UV, environment, share_environments
from tests.train.conftest import Quick

HERE = confined()


class Maker:
    """Makes an environment of one module, and counts how often."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self, folder: Path) -> Path:
        self.made += 1
        folder.mkdir()
        (folder / "module.py").write_text("answer = 42\n")
        (folder / "python").symlink_to(sys.executable)
        return folder / "python"


def _kept(folder: Path, key: str, make: Maker) -> CachedEnvironment:
    with cached_environment(folder, key, make) as cached:
        return cached


def test_an_environment_is_made_once_and_again_if_it_is_incomplete(tmp_path: Path) -> None:
    make = Maker()
    first = _kept(tmp_path, "a" * 64, make)
    second = _kept(tmp_path, "a" * 64, make)
    assert (make.made, first, first.is_compiled) == (1, second, False)

    (first.folder / "complete").unlink()
    _kept(tmp_path, "a" * 64, make)

    assert make.made == 2


def test_an_environment_of_a_home_that_was_moved_is_made_anew(tmp_path: Path) -> None:
    make = Maker()
    _kept(tmp_path / "before", "a" * 64, make)
    (tmp_path / "before").rename(tmp_path / "after")

    moved = _kept(tmp_path / "after", "a" * 64, make)

    assert make.made == 2
    assert moved.python.is_file()


def test_an_environment_of_a_home_that_was_copied_is_made_anew(tmp_path: Path) -> None:
    make = Maker()
    _kept(tmp_path / "before", "a" * 64, make)
    shutil.copytree(tmp_path / "before", tmp_path / "copy", symlinks=True)

    copied = _kept(tmp_path / "copy", "a" * 64, make)

    assert make.made == 2
    assert copied.python.is_relative_to(tmp_path / "copy")


def test_an_environment_that_was_reached_by_a_link_outlives_the_link(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "kept")

    found = _kept(tmp_path / "link", "a" * 64, Maker())

    assert found.folder.parent == tmp_path / "kept"


def test_modules_that_a_build_imported_are_compiled_from_source_before_the_next(
    tmp_path: Path,
) -> None:
    make, bytecode = Maker(), tmp_path / "bytecode"
    cached = _kept(tmp_path / "kept", "a" * 64, make)
    written = bytecode / cached.environment.relative_to("/")
    written.mkdir(parents=True)
    # Only the names of a build's bytecode files are used, never their content.
    (written / "module.cpython-311.pyc").write_bytes(b"evil")
    (written / "absent.cpython-311.pyc").write_bytes(b"evil")

    record_modules(cached, bytecode)
    compiled = _kept(tmp_path / "kept", "a" * 64, make)

    assert compiled.is_compiled
    # Not `cache_from_source`: it follows the PYTHONPYCACHEPREFIX of the tests themselves.
    file = cached.environment / "__pycache__" / f"module.{sys.implementation.cache_tag}.pyc"
    assert b"answer" in file.read_bytes()
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_only_the_most_recently_used_are_kept(tmp_path: Path) -> None:
    for number in range(MAX_KEPT + 2):
        _kept(tmp_path, f"{number:064}", Maker())

    kept = sorted(path.name for path in tmp_path.iterdir() if path.is_dir())
    assert kept == [f"{number:064}" for number in range(2, MAX_KEPT + 2)]


def test_an_environment_that_a_build_uses_is_not_removed(tmp_path: Path) -> None:
    with ExitStack() as builds:
        cached = [
            builds.enter_context(cached_environment(tmp_path, f"{number:064}", Maker()))
            for number in range(MAX_KEPT + 2)
        ]
        _kept(tmp_path, "a" * 64, Maker())

        assert all((used.environment / "module.py").is_file() for used in cached)
    _kept(tmp_path, "b" * 64, Maker())

    assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == MAX_KEPT


def test_another_lock_or_other_requirements_have_another_cache_key(project: Path) -> None:
    tools = {"UV_PYTHON": sys.executable}
    first = cache_key(project, b"lock", "uv", tools)

    assert cache_key(project, b"lock", "uv", tools) == first
    assert cache_key(project, b"other", "uv", tools) != first
    (project / "pyproject.toml").write_text("[project]\n")
    assert cache_key(project, b"lock", "uv", tools) != first


@pytest.mark.skipif(not HERE.confines_files, reason="SKIPPED: this kernel confines no files")
def test_a_training_writes_neither_the_project_nor_anything_outside(
    quick: Quick, tmp_path: Path
) -> None:
    outside, inside = tmp_path / "outside", quick.folder / "inside"
    attempts = f"for path in ({str(outside)!r}, {str(inside)!r}, 'left-over'):\n        try:\n"
    attempts += "            Path(path).write_text('x')\n        except OSError:\n            pass"

    quick.run(attempts, tmp_path / "work")

    assert not outside.exists()
    assert not inside.exists()
    assert not (quick.folder / "left-over").exists()


@pytest.mark.skipif(not HERE.confines_files, reason="SKIPPED: this kernel confines no files")
def test_a_training_cannot_read_the_key_of_the_build(quick: Quick, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    share_environments(home.root)
    home.build_key.parent.mkdir(parents=True)
    home.build_key.write_text("a key")
    quick.write(f"Path({str(home.build_key)!r}).read_text()")

    with pytest.raises(InvalidInput, match=r"(PermissionError|FileNotFoundError).*release\.pem"):
        train(
            load_project(quick.folder), home.builds / "work", uv=UV, now=lambda: NOW,
            report=lambda _: None, tools=environment(), kept=home.build_cache,
        )  # fmt: skip


def test_a_training_that_needs_more_memory_than_declared_fails(
    quick: Quick, tmp_path: Path
) -> None:
    quick.edit("goldenpath.toml", "threads = 1", "threads = 1\nmemory_limit = 400")

    with pytest.raises(InvalidInput, match="MemoryError"):
        quick.run("bytearray(2_000_000_000)", tmp_path / "work")
