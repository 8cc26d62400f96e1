"""A copy of a home that may only be read, as an auditor has it, answers what the home answers."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_old_home import QUESTIONS, unpacked

__all__ = ["unpacked"]

ASK = """
import contextlib, io, json, sys
from goldenpath.cli.main import main
codes = {}
for question in json.loads(sys.argv[1]):
    sys.argv = ["goldenpath", *question.split(), "--output", "json"]
    said, errors = (io.TextIOWrapper(io.BytesIO(), write_through=True) for _ in range(2))
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(errors):
            main()
        codes[question] = [0, ""]
    except SystemExit as end:
        codes[question] = [end.code or 0, errors.buffer.getvalue().decode()]
print(json.dumps(codes))
"""
READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'


def test_every_question_is_answered_from_a_copy_that_cannot_be_written(
    unpacked: Path, tmp_path: Path
) -> None:
    home = Path(shutil.copytree(unpacked, tmp_path / "home"))
    environment = {**os.environ, "GOLDENPATH_HOME": str(home)}
    questions = [*QUESTIONS, "inventory", "report --model credit"]
    # The home is asked once while it may be written: a copy of one that was used has its caches.
    command = [sys.executable, "-c", ASK, json.dumps(questions)]
    own = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    before = subprocess.run(command, env=environment, capture_output=True, check=True)
    after = subprocess.run(
        ["unshare", "--mount", *own, "sh", "-c", READ_ONLY, str(home), *command],
        env=environment,
        capture_output=True,
        check=False,
    )
    if b"mount" in after.stderr and after.returncode:
        pytest.skip(f"NO READ-ONLY MOUNT HERE: {after.stderr!r}")

    expected, answered = json.loads(before.stdout), json.loads(after.stdout)
    assert {each: code for each, (code, _) in answered.items()} == {
        each: code for each, (code, _) in expected.items()
    }, answered
