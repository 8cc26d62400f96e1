"""No library of others writes an identifier or sends anything to its maker from our processes."""

import os
import subprocess
import sys
from pathlib import Path

from goldenpath.no_telemetry import NO_TELEMETRY
from goldenpath.settings import content_environment, training_environment

_LOAD = "import sys; {first}import onnxruntime; sys.exit(0)"


def load(home: Path, first: str, environment: dict[str, str]) -> list[str]:
    """The files that a process leaves in its home when it loads the library."""
    home.mkdir()
    subprocess.run(
        [sys.executable, "-c", _LOAD.format(first=first)],
        env={**environment, "HOME": str(home), "PATH": os.environ["PATH"]},
        check=True,
    )
    return sorted(str(path.relative_to(home)) for path in home.rglob("*") if path.is_file())


def test_our_processes_leave_no_identifier_of_the_machine(tmp_path: Path) -> None:
    plain = {name: value for name, value in os.environ.items() if name not in NO_TELEMETRY}

    assert load(tmp_path / "ours", "import goldenpath; ", plain) == []
    assert load(tmp_path / "training", "", training_environment(plain, tmp_path, 1)) == []
    assert load(tmp_path / "model", "", content_environment(tmp_path)) == []
