"""The scripts that shells read, and what they complete, in the shells that are here."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Town
from tests.cli.saying import Command

SCRIPTS = Path(sys.executable).parent


def completed(home: Path, words: str) -> list[str]:
    """What the command answers to the script of bash for a line that ends with `words`."""
    environment = {
        **os.environ,
        "GOLDENPATH_HOME": str(home),
        "_GOLDENPATH_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
    }
    done = subprocess.run(
        [SCRIPTS / "goldenpath"], env=environment, capture_output=True, text=True, check=True
    )
    return [line.partition(",")[2] for line in done.stdout.split()]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("goldenpath pro", ["promote"]),
        ("goldenpath key re", ["revoke"]),
        ("goldenpath promote x --st", ["--stage"]),
        ("goldenpath promote x --t", []),
        ("goldenpath promote x --stage ", ["dev", "test", "prod"]),
        ("goldenpath approve x --as v", ["validator"]),
        ("goldenpath why c", ["credit-default"]),
        ("goldenpath promote x --judge a", ["auto"]),
        ("goldenpath completion z", ["zsh"]),
    ],
)
def test_verbs_options_and_names_of_the_platform_are_completed(
    town: Town, words: str, expected: list[str]
) -> None:
    assert completed(town.folder / "home", words) == expected


def test_without_a_platform_no_name_is_completed_and_nothing_is_made(tmp_path: Path) -> None:
    assert completed(tmp_path / "none", "goldenpath promote x --stage ") == []
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell_is_printed_and_the_shell_can_read_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, shell: str
) -> None:
    said = Command(capsys)("completion", shell)
    script = tmp_path / "script"
    script.write_text(said.out)

    assert (said.code, said.err) == (0, "")
    assert f"_GOLDENPATH_COMPLETE={shell}_complete" in said.out
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed: its script was not read by it")
    subprocess.run([shell, "-n", script], check=True)


def test_bash_completes_a_verb_and_a_stage_by_the_script(town: Town, tmp_path: Path) -> None:
    program = """
    eval "$(goldenpath completion bash)"
    complete_line() {
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
        _goldenpath_completion goldenpath
        echo "${COMPREPLY[@]}"
    }
    complete_line goldenpath roll
    complete_line goldenpath rollout credit-default --stage p
    """
    environment = {
        **os.environ,
        "PATH": f"{SCRIPTS}:{os.environ['PATH']}",
        "GOLDENPATH_HOME": str(town.folder / "home"),
    }
    done = subprocess.run(
        ["bash", "--norc", "-c", program],
        env=environment, capture_output=True, text=True, check=True, cwd=tmp_path,
    )  # fmt: skip

    assert done.stdout.splitlines() == ["rollout rollback", "prod"]


def test_an_unknown_shell_is_refused_with_the_likely_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = Command(capsys)("completion", "bsh")

    assert said.code == 2
    assert "hint: did you mean bash?" in said.err
