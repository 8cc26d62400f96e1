"""Backup, restore, upgrade and uninstall, by the very commands of docs/upkeep.md."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sizes import full_size
from tests.test_old_home import FIRST, unpacked

__all__ = ["unpacked"]
PAGE = Path(__file__).parents[1] / "docs" / "upkeep.md"
_TOOLS = ("bash", "tar", "sha256sum", "openssl", "ssh-keygen", "sed")


def commands(title: str) -> str:
    """The commands of one section, in the order of the page."""
    section = PAGE.read_text("utf-8").partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"^```bash\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    assert blocks, title
    return "".join(blocks)


def run(script: str, folder: Path, home: Path) -> str:
    """Run commands as a person would, and return what they print."""
    here = Path(sys.executable).parent
    environment = {
        **os.environ, "GOLDENPATH_HOME": str(home), "DIGEST": FIRST,
        "PATH": f"{here}{os.pathsep}{os.environ['PATH']}",
    }  # fmt: skip
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=folder, env=environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@full_size("test_a_damaged_backup_is_not_restored")
def test_a_home_comes_back_from_its_backup_and_leaves_without_us(
    unpacked: Path, tmp_path: Path
) -> None:
    absent = [name for name in _TOOLS if shutil.which(name) is None]
    if absent:
        pytest.skip(f"{', '.join(absent)} not here: the page was NOT run")
    home = Path(shutil.copytree(unpacked, tmp_path / "home"))
    (home / "keys" / "subjects.db").write_bytes(b"it opens what people may have erased")
    (home / "run").mkdir(exist_ok=True)
    before = run("goldenpath log check\ngoldenpath at now | tail -n +2", tmp_path, home)
    assert "credit" in before

    run(commands("Backup"), tmp_path, home)
    shutil.rmtree(home)
    restored = run(commands("Restore"), tmp_path, home)

    assert set(before.splitlines()) <= set(restored.splitlines())
    assert not (tmp_path / "restored" / "keys" / "subjects.db").exists()
    assert not (tmp_path / "restored" / "run" / "logs").exists()
    run(commands("Upgrade"), tmp_path, tmp_path / "restored")
    left = run(commands("Uninstall"), tmp_path, tmp_path / "restored")
    assert left.endswith("everything holds\n")
    assert (tmp_path / "gitops" / "envs").is_dir()


def test_a_damaged_backup_is_not_restored(tmp_path: Path) -> None:
    (tmp_path / "backup.tar").write_bytes(b"other bytes")
    (tmp_path / "backup.tar.sha256").write_text(f"{'0' * 64}  backup.tar\n")
    first = commands("Restore").partition("\n")[0]

    done = subprocess.run(["bash", "-c", first], cwd=tmp_path, capture_output=True, check=False)

    assert done.returncode != 0
