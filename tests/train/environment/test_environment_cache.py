"""An environment is made once for a lock, and nothing that a project runs can change it."""

import importlib.util
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from goldenpath.errors import InvalidInput
from goldenpath.project.load import load_project
from goldenpath.settings import Home
from goldenpath.train.environment.environment_cache import (
    KEPT,
    CachedEnvironment,
    keep,
    key_of,
    learn,
)
from goldenpath.train.environment.hardware import can_confine
from goldenpath.train.run import train
from tests.starter import NOW, UV, environment
from tests.train.conftest import Quick


class Maker:
    """Makes an environment of one module, and counts."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self, folder: Path) -> Path:
        self.made += 1
        folder.mkdir()
        (folder / "module.py").write_text("answer = 42\n")
        return Path(sys.executable)


def _kept(folder: Path, key: str, make: Maker) -> CachedEnvironment:
    with keep(folder, key, make) as place:
        return place


def test_an_environment_is_made_once_and_again_if_it_was_left_half_made(tmp_path: Path) -> None:
    make = Maker()
    first = _kept(tmp_path, "a" * 64, make)
    again = _kept(tmp_path, "a" * 64, make)
    assert (make.made, first, first.is_compiled) == (1, again, False)

    (first.folder / "complete").unlink()
    _kept(tmp_path, "a" * 64, make)

    assert make.made == 2


def test_what_a_build_imported_is_compiled_from_the_source_before_the_next(tmp_path: Path) -> None:
    make, bytecode = Maker(), tmp_path / "bytecode"
    place = _kept(tmp_path / "kept", "a" * 64, make)
    beside = bytecode / place.environment.relative_to("/")
    beside.mkdir(parents=True)
    # Whatever a build wrote as bytecode is not taken over: only its name is.
    (beside / "module.cpython-311.pyc").write_bytes(b"evil")
    (beside / "absent.cpython-311.pyc").write_bytes(b"evil")

    learn(place, bytecode)
    compiled = _kept(tmp_path / "kept", "a" * 64, make)

    assert compiled.is_compiled
    found = Path(importlib.util.cache_from_source(str(place.environment / "module.py")))
    assert b"answer" in found.read_bytes()
    assert [path.name for path in found.parent.iterdir()] == [found.name]


def test_only_a_few_are_kept(tmp_path: Path) -> None:
    for number in range(KEPT + 2):
        _kept(tmp_path, f"{number:064}", Maker())

    left = sorted(path.name for path in tmp_path.iterdir() if path.is_dir())
    assert left == [f"{number:064}" for number in range(2, KEPT + 2)]


def test_what_a_build_holds_stays_however_many_build_beside_it(tmp_path: Path) -> None:
    with ExitStack() as builds:
        places = [
            builds.enter_context(keep(tmp_path, f"{number:064}", Maker()))
            for number in range(KEPT + 2)
        ]
        _kept(tmp_path, "a" * 64, Maker())

        assert all((place.environment / "module.py").is_file() for place in places)
    _kept(tmp_path, "b" * 64, Maker())

    assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == KEPT


def test_another_lock_or_another_request_is_another_environment(project: Path) -> None:
    tools = {"UV_PYTHON": sys.executable}
    first = key_of(project, b"lock", "uv", tools)

    assert key_of(project, b"lock", "uv", tools) == first
    assert key_of(project, b"other", "uv", tools) != first
    (project / "pyproject.toml").write_text("[project]\n")
    assert key_of(project, b"lock", "uv", tools) != first


@pytest.mark.skipif(not can_confine(), reason="SKIPPED: this kernel has no Landlock")
def test_a_training_writes_nowhere_but_into_project_and_work_folder(
    quick: Quick, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"

    with pytest.raises(InvalidInput, match="Permission denied"):
        quick.run(f"Path({str(outside)!r}).write_text('x')", tmp_path / "work")

    assert not outside.exists()


@pytest.mark.skipif(not can_confine(), reason="SKIPPED: this kernel has no Landlock")
def test_a_training_cannot_read_the_key_of_the_build(quick: Quick, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.build_key.parent.mkdir(parents=True)
    home.build_key.write_text("a key")
    quick.write(f"Path({str(home.build_key)!r}).read_text()")

    with pytest.raises(InvalidInput, match=r"PermissionError.*release\.pem"):
        train(
            load_project(quick.folder), home.builds / "work", uv=UV, now=lambda: NOW,
            report=lambda _: None, tools=environment(), kept=home.kept, closed=(home.root,),
        )  # fmt: skip


def test_a_training_that_wants_more_memory_than_declared_is_ended(
    quick: Quick, tmp_path: Path
) -> None:
    quick.edit("goldenpath.toml", "threads = 1", "threads = 1\nmemory_limit = 400")

    with pytest.raises(InvalidInput, match="MemoryError"):
        quick.run("bytearray(2_000_000_000)", tmp_path / "work")
