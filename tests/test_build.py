"""`goldenpath build` as a user runs it: the real starter, a real home, a real process."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from goldenpath.attest.rows import fetch_rows
from goldenpath.registry.layout import LayoutStore
from goldenpath.train.rows import MAX_BYTES, parse_rows

GOLDENPATH = Path(sys.executable).parent / "goldenpath"


def _environment(home: Path) -> dict[str, str]:
    return {**os.environ, "GOLDENPATH_HOME": str(home), "MLFLOW_TRACKING_URI": ""}


def _run(home: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [GOLDENPATH, *words], cwd=folder, env=_environment(home), capture_output=True, check=False
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A platform that was set up."""
    folder = tmp_path_factory.mktemp("platform")
    done = _run(
        folder / "home", folder, "init", "--as", "engineer", "--key", "engineer", "--make-key"
    )
    assert done.returncode == 0, done.stderr.decode()
    return folder / "home"


@pytest.fixture(scope="module")
def copied(starter: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of this module's own."""
    folder = tmp_path_factory.mktemp("project") / "credit-default"
    shutil.copytree(starter, folder)
    return folder


def test_a_dirty_tree_is_refused_before_anything_is_made(home: Path, project: Path) -> None:
    changed = project / "src" / "credit_default" / "model.py"
    changed.write_text(changed.read_text() + "# later\n")

    done = _run(home, project, "build")

    assert done.returncode == 2
    assert b"changes that are not committed" in done.stderr
    assert b"hint: " in done.stderr
    assert LayoutStore(home / "registry").tags() == ()


def test_a_killed_build_leaves_nothing_and_the_same_commit_is_the_same_digest(
    home: Path, copied: Path
) -> None:
    killed = subprocess.Popen(
        [GOLDENPATH, "build"],
        cwd=copied,
        env=_environment(home),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    time.sleep(4)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    assert LayoutStore(home / "registry").tags() == ()

    first = _build(home, copied)
    second = _build(home, copied)

    assert first["is_new"] is True
    assert second["is_new"] is False
    assert first["digest"] == second["digest"]
    assert first["catalogue_version"] == second["catalogue_version"] == "1"
    left = [path.name for path in (home / "builds").iterdir() if path.is_dir()]
    assert left == []
    tag = f"credit-default-{str(first['commit'])[:12]}"
    store = LayoutStore(home / "registry")
    assert store.resolve(tag).digest.text == first["digest"]
    run = msgspec.convert(first["run"], dict[str, object])
    content = fetch_rows(store, str(run["rows_digest"]), int(str(run["rows_size"])), MAX_BYTES)
    assert content is not None
    assert len(parse_rows(content)) == run["rows_evaluated"]


def _build(home: Path, folder: Path) -> dict[str, object]:
    done = _run(home, folder, "build", "--output", "json")
    assert done.returncode == 0, done.stderr.decode()
    return msgspec.json.decode(done.stdout, type=dict[str, object])
