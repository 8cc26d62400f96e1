"""`goldenpath reproduce` as a user runs it, on releases that the real build made.

All of it has the full size; the small one is in `test_reproduction.py`.
"""

import os
import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest

from tests.quick_project import commit, quicken
from tests.release.catalogue.tables import copy_empty_catalogue
from tests.sizes import full_size
from tests.starter import share_environments
from tests.verbs import run_verb

pytestmark = pytest.mark.timeout(600)  # several whole builds, on a machine that may be busy


class Machine:
    """A platform that was set up, and a project whose tests are quick."""

    def __init__(self, folder: Path, starter: Path) -> None:
        self.home = folder / "home"
        self.project = folder / "credit-default"
        shutil.copytree(starter, self.project)
        quicken(self.project)
        self.edit("goldenpath.toml", "[training.parameters]", "[training.parameters]\nsample = 900")
        # Each training here is compared with another one anyhow.
        self.edit("goldenpath.toml", "time_limit", "repeatable = false\ntime_limit")
        share_environments(self.home)
        copy_empty_catalogue(self.home / "mlflow.db")
        done = self.run("init", "--as", "engineer", "--key", str(folder / "key"), "--make-key")
        assert done.returncode == 0, done.stderr.decode()

    def run(self, *words: str, folder: Path | None = None) -> "subprocess.CompletedProcess[bytes]":
        seen = {**os.environ, "GOLDENPATH_HOME": str(self.home), "MLFLOW_TRACKING_URI": ""}
        return run_verb(words, environment=seen, folder=folder or self.project)

    def edit(self, file: str, old: str, new: str) -> None:
        text = (self.project / file).read_text()
        assert old in text
        (self.project / file).write_text(text.replace(old, new, 1))
        commit(self.project)

    def build(self) -> str:
        done = self.run("build", "--output", "json")
        assert done.returncode == 0, done.stderr.decode()
        return str(msgspec.json.decode(done.stdout)["digest"])

    def reproduce(self, *words: str, folder: Path | None = None) -> tuple[int, dict[str, object]]:
        done = self.run("reproduce", *words, "--output", "json", folder=folder)
        assert done.returncode in (0, 7), done.stderr.decode()
        return done.returncode, msgspec.json.decode(done.stdout, type=dict[str, object])


@pytest.fixture(scope="module")
def machine(starter: Path, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    return Machine(tmp_path_factory.mktemp("reproduce"), starter)


@pytest.fixture(scope="module")
def released(machine: Machine) -> str:
    return machine.build()


@full_size("test_the_commit_may_come_from_a_clone_that_is_named")
def test_the_same_commit_gives_the_same_bits_elsewhere(
    machine: Machine, released: str, tmp_path: Path
) -> None:
    # The project has moved on, and the command runs in another folder: only the commit counts.
    machine.edit("goldenpath.toml", "sample = 900", "sample = 901")

    status, found = machine.reproduce(released, "--from", str(machine.project), folder=tmp_path)

    assert (status, found["equal"], found["causes"]) == (0, True, [])
    assert found["repeated"] == released
    events = machine.run("events", "--output", "json").stdout
    assert b"release.reproduced" in events


@full_size("test_a_result_that_varies_is_told_from_one_that_only_differs_from_the_release")
def test_a_training_whose_result_varies_is_named_as_the_cause(machine: Machine) -> None:
    machine.edit("src/credit_default/quick.py", "seed=seed)", "seed=time.time_ns() % 2**31)")
    machine.edit("src/credit_default/quick.py", "import numpy", "import time\n\nimport numpy")
    digest = machine.build()

    status, found = machine.reproduce(digest)

    assert (status, found["equal"]) == (7, False)
    assert "two repetitions on this machine differ" in str(found["causes"])
    assert "models/model.onnx" in str(found["files"])
    assert float(str(found["largest_difference"])) > 0
    assert found["rows"] in (900, 901)


@full_size("test_a_commit_that_is_in_no_clone_is_not_found")
def test_a_release_whose_commit_is_in_no_clone_is_not_found(
    machine: Machine, released: str, tmp_path: Path
) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)

    here = machine.run("reproduce", released, folder=tmp_path)
    there = machine.run("reproduce", released, "--from", str(tmp_path), folder=tmp_path)

    assert (here.returncode, there.returncode) == (3, 3)
    assert b"--from" in here.stderr
