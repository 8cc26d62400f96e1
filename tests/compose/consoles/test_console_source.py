"""A console shows another home, or a repository alone; nothing else is taken for one."""

import json
import os
from pathlib import Path

import pytest

from goldenpath.cli.answering import answer
from goldenpath.compose.consoles.console_source import console_source
from goldenpath.errors import InvalidInput
from goldenpath.home import HOME_VARIABLE, Home
from goldenpath.settings import GITOPS_VARIABLE, TRUST_VARIABLE
from tests.deploy.platform import OneMachine


@pytest.fixture(autouse=True)
def kept(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment as it was, after the test."""
    for name in (HOME_VARIABLE, GITOPS_VARIABLE, TRUST_VARIABLE):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    return monkeypatch


@pytest.mark.parametrize("inside", ["", ".goldenpath"])
def test_another_home_is_shown_by_its_folder_or_that_of_its_project(
    tmp_path: Path, inside: str
) -> None:
    (tmp_path / inside / "gitops.git").mkdir(parents=True)

    with console_source(str(tmp_path)) as home:
        assert home == Home(tmp_path / inside)
        assert os.environ[HOME_VARIABLE] == str(home.root)


def test_a_repository_alone_is_shown_once_its_first_commit_is_pinned(
    tmp_path: Path, kept: pytest.MonkeyPatch
) -> None:
    machine = OneMachine(tmp_path)
    address = f"file://{machine.home.gitops}"
    with pytest.raises(InvalidInput, match=TRUST_VARIABLE), console_source(address):
        pass
    kept.setenv(TRUST_VARIABLE, json.loads(machine.home.trust.read_bytes())["root"])
    with console_source(address) as home:
        shown = answer(("register",))
        assert home.root != machine.home.root
        assert home.root.is_dir()
    assert (shown.error, shown.code) == ("", 0)
    assert not home.root.exists()


def test_a_folder_that_is_no_home_and_a_word_are_refused(tmp_path: Path) -> None:
    for source in (str(tmp_path), "nowhere"):
        with pytest.raises(InvalidInput), console_source(source):
            pass
