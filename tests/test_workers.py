"""The runner of the tests: what runs in forks is reported whole, and nothing is lost silently."""

import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = """
from tests import workers


def pytest_addoption(parser):
    workers.add_option(parser)


def pytest_runtestloop(session):
    workers.run_side_by_side(session, session.config.getoption("--workers"))
    return True
"""
GOOD = """
import os
import pytest

@pytest.fixture(scope="session", autouse=True)
def left(tmp_path_factory):
    yield
    assert (tmp_path_factory.getbasetemp() / "mine").is_dir()

def test_it_has_a_folder_and_an_output_of_its_own(tmp_path_factory, capfd):
    (tmp_path_factory.getbasetemp() / "mine").mkdir(exist_ok=True)
    print("said")
    os.write(1, b"written")
    assert set(capfd.readouterr().out.split()) <= {"said", "written", "saidwritten", "writtensaid"}

@pytest.mark.skip(reason="for a reason")
def test_skipped():
    pass
"""
BAD = """
import os

def test_first():
    pass

def test_fails():
    print("what it said")
    assert 1 == 2

def test_dies():
    os._exit(0)

def test_never_begins():
    pass
"""


def _outcome(folder: Path, *more: str) -> tuple[int, str]:
    root = Path(__file__).parents[1]
    command = [
        sys.executable, "-m", "pytest", "--workers", "2", "-p", "no:cacheprovider",
        "-p", "no:xdist", "-p", "no:anyio", "-p", "no:hypothesispytest", "-rs",
        "--basetemp", str(folder / "base"),
        "-c", str(folder / "pytest.ini"), *more, str(folder),
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd=folder, env={"PYTHONPATH": str(root), "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "conftest.py").write_text(CONFTEST)
    for number in range(3):
        (tmp_path / f"test_good{number}.py").write_text(GOOD)
    return tmp_path


def test_files_run_side_by_side_and_each_outcome_is_reported(folder: Path) -> None:
    code, printed = _outcome(folder)

    assert (code, "3 passed, 3 skipped" in printed) == (0, True), printed
    assert "for a reason" in printed


def test_a_process_that_dies_fails_its_test_and_those_that_nobody_ran(folder: Path) -> None:
    (folder / "test_bad.py").write_text(BAD)

    code, printed = _outcome(folder)

    assert (code, "3 failed, 4 passed, 3 skipped" in printed) == (1, True), printed
    assert "what it said" in printed
    assert printed.count("the process of this test ended before the test did") >= 2
