"""`goldenpath doctor` for one machine: what is wrong, what could not be asked, and the cure."""

import os
from pathlib import Path

import pytest

from goldenpath.compose.machines.machine_examination import MachineFinding, examined_machine
from goldenpath.home import Home
from goldenpath.settings import GITOPS_VARIABLE
from tests.deploy.platform import OneMachine

CHECKS = ("machine", "home", "git", "registry", "clock")


def of(findings: tuple[MachineFinding, ...], check: str) -> list[MachineFinding]:
    """The findings of one check."""
    return [finding for finding in findings if finding.check == check]


@pytest.fixture
def machine(tmp_path: Path) -> OneMachine:
    """A machine with a platform."""
    return OneMachine(tmp_path / "machine")


def test_a_sound_machine_has_nothing_to_cure(machine: OneMachine) -> None:
    findings = examined_machine(machine.home, os.environ)

    assert {finding.check for finding in findings} == {
        "machine",
        "home",
        "git",
        "registry",
        "clock",
    }
    assert [finding for finding in findings if finding.status != "ok"] == []
    assert not any(finding.cure for finding in findings)


def test_without_a_platform_the_cure_is_to_make_one(tmp_path: Path) -> None:
    findings = examined_machine(Home(tmp_path / "none"), os.environ)

    (home,) = of(findings, "home")
    assert (home.status, "goldenpath init" in home.cure) == ("wrong", True)
    assert {
        each.status for name in ("git", "registry", "clock") for each in of(findings, name)
    } == {"unknown"}
    assert not (tmp_path / "none").exists()


def test_a_missing_program_is_named_with_what_it_is_for(machine: OneMachine) -> None:
    findings = of(examined_machine(machine.home, {"PATH": "/nowhere"}), "machine")

    wrong = {finding.message: finding.cure for finding in findings if finding.status == "wrong"}
    assert set(wrong) >= {"git is not on PATH", "ssh-keygen is not on PATH"}
    assert all(wrong.values())


@pytest.mark.parametrize(("mode", "is_wrong"), [(0o600, False), (0o640, True), (0o604, True)])
def test_a_private_key_that_others_may_read_is_found(
    machine: OneMachine, mode: int, is_wrong: bool
) -> None:
    key = machine.home.keys / "release.pem"
    key.touch()
    machine.home.keys.chmod(0o755)
    key.chmod(mode)
    machine.home.keys.joinpath("release.pub").chmod(0o644)

    found = [each for each in of(examined_machine(machine.home, os.environ), "home")
             if "others may read" in each.message]  # fmt: skip

    assert [str(key) in each.message and "chmod 600" in each.cure for each in found] == (
        [True] if is_wrong else []
    )


def test_a_repository_that_cannot_be_asked_is_unknown(
    machine: OneMachine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(GITOPS_VARIABLE, f"file://{tmp_path}/gone.git")

    findings = examined_machine(machine.home, os.environ)

    assert [each.status for name in ("git", "clock") for each in of(findings, name)] == [
        "unknown", "unknown"
    ]  # fmt: skip
    assert all(each.cure for each in of(findings, "git"))


def test_a_record_of_trust_that_was_damaged_is_wrong_and_not_unknown(machine: OneMachine) -> None:
    machine.home.trust.write_text('{"version": 1}')

    (git,) = of(examined_machine(machine.home, os.environ), "git")

    assert (git.status, "trust.json" in git.message) == ("wrong", True)
