"""Verbs that are forked are what a started process is: streams, exit code, folder, environment."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.verbs import run_verb

GOLDENPATH = Path(sys.executable).parent / "goldenpath"


@pytest.mark.parametrize(
    "words", [("--version",), ("check", "--output", "json"), ("at", "now"), ("no-such-verb",)]
)
def test_a_forked_verb_says_and_returns_what_a_started_one_does(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "COLUMNS": "70"}

    forked = run_verb(words, environment=environment, folder=tmp_path)

    started = subprocess.run(
        [GOLDENPATH, *words], env=environment, cwd=tmp_path, stdin=subprocess.DEVNULL,
        capture_output=True, check=False,
    )  # fmt: skip
    assert (forked.returncode, forked.stdout, forked.stderr) == (
        started.returncode, started.stdout, started.stderr,
    )  # fmt: skip
    assert forked.stdout or forked.stderr
