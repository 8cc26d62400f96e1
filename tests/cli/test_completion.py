"""The scripts that shells read, and what they complete, in the shells that are here."""

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Town
from tests.cli.saying import Command

SCRIPTS = Path(sys.executable).parent


Completed = Callable[[Path, str], list[str]]


@pytest.fixture
def completed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Completed:
    """What the command answers to the script of bash for a line that ends with some words."""

    def complete(home: Path, words: str) -> list[str]:
        monkeypatch.setenv("GOLDENPATH_HOME", str(home))
        monkeypatch.setenv("_GOLDENPATH_COMPLETE", "bash_complete")
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", str(len(words.split(" ")) - 1))
        said = Command(capsys)()
        assert said.code == 0
        return [line.partition(",")[2] for line in said.out.split()]

    return complete


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("goldenpath prom", ["promote"]),
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
    town: Town, completed: Completed, words: str, expected: list[str]
) -> None:
    assert completed(town.folder / "home", words) == expected


def test_without_a_platform_no_name_is_completed_and_nothing_is_made(
    tmp_path: Path, completed: Completed
) -> None:
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
    done = subprocess.run(
        ["bash", "--norc", "-c", program],
        env=_environment(town), capture_output=True, text=True, check=True, cwd=tmp_path,
    )  # fmt: skip

    assert done.stdout.splitlines() == ["rollout rollback", "prod"]


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed: NOT tried")
def test_fish_completes_a_verb_a_stage_and_whole_explanations(town: Town, tmp_path: Path) -> None:
    program = """
    goldenpath completion fish | source
    complete -C "goldenpath roll"
    complete -C "goldenpath rollout credit-default --stage p"
    """
    done = subprocess.run(
        ["fish", "--no-config", "-c", program],
        env=_environment(town), capture_output=True, text=True, check=True, cwd=tmp_path,
    )  # fmt: skip

    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert [line[0] for line in lines] == ["rollback", "rollout", "prod"]
    assert lines[0][1] == "Remove a canary; or go back to the previous release."


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed: NOT tried")
def test_zsh_completes_a_verb_and_a_stage_at_a_press_of_tab(town: Town, tmp_path: Path) -> None:
    terminal, shell_side = pty.openpty()
    environment = {**_environment(town), "TERM": "dumb", "ZDOTDIR": str(tmp_path)}
    shell = subprocess.Popen(
        ["zsh", "-f", "-i"], stdin=shell_side, stdout=shell_side, stderr=shell_side,
        env=environment, cwd=tmp_path, start_new_session=True,
    )  # fmt: skip
    try:
        load = f"autoload -Uz compinit; compinit -u -d {tmp_path}/dump"
        os.write(terminal, f'{load}; eval "$(goldenpath completion zsh)"; echo lo""aded\n'.encode())
        assert b"loaded\r" in _read_until(terminal, b"loaded\r")
        os.write(terminal, b"goldenpath rollo\t")
        assert b"rollout " in _read_until(terminal, b"rollout ")
        os.write(terminal, b"credit-default --stage p\t")
        assert b"prod" in _read_until(terminal, b"prod")
    finally:
        shell.kill()
        shell.wait()
        os.close(shell_side)
        os.close(terminal)


def _read_until(terminal: int, expected: bytes) -> bytes:
    printed, give_up = b"", time.monotonic() + 60
    while expected not in printed and time.monotonic() < give_up:
        if select.select([terminal], [], [], 1)[0]:
            printed += os.read(terminal, 65536)
    return printed


def _environment(town: Town) -> dict[str, str]:
    return {
        **os.environ,
        "PATH": f"{SCRIPTS}:{os.environ['PATH']}",
        "GOLDENPATH_HOME": str(town.folder / "home"),
    }


def test_an_unknown_shell_is_refused_with_the_likely_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = Command(capsys)("completion", "bsh")

    assert said.code == 2
    assert "hint: did you mean bash?" in said.err
