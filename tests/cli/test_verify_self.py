"""`goldenpath verify-self` as it is typed."""

from pathlib import Path

import pytest

from tests.cli.saying import Command


@pytest.fixture
def goldenpath(capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys)


def test_a_work_tree_cannot_be_verified_and_says_why(goldenpath: Command) -> None:
    said = goldenpath("verify-self", "--output", "json")

    assert (said.code, said.out) == (3, "")
    assert "error: goldenpath runs from " in said.err
    assert "hint: install the wheel" in said.err


def test_a_statement_without_its_key_is_refused(goldenpath: Command, tmp_path: Path) -> None:
    (tmp_path / "statement").write_text("{}")
    said = goldenpath("verify-self", "--statement", str(tmp_path / "statement"))

    assert said.code == 2
    assert "belong together" in said.err


def test_a_statement_that_is_none_is_refused(goldenpath: Command, tmp_path: Path) -> None:
    (tmp_path / "statement").write_text("{}")
    (tmp_path / "key").write_text("no key")
    said = goldenpath(
        "verify-self", "--statement", str(tmp_path / "statement"), "--key", str(tmp_path / "key")
    )

    assert (said.code, "is not PEM" in said.err) == (2, True)


def test_a_module_of_ours_that_is_gone_is_damage_and_no_bug(
    goldenpath: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "goldenpath.cli.sod", None)
    said = goldenpath("sod")

    assert said.code == 4
    assert "error: the installed goldenpath is damaged: " in said.err
