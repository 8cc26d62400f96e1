"""`--quiet` and `--verbose`: what the person who watches sees beside the data."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from goldenpath.cli.output import choose_notes
from goldenpath.home import HOME_VARIABLE
from tests.cli.saying import Command


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Command]:
    """The command where there is no platform."""
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    yield Command(capsys)
    choose_notes("plain")


@pytest.mark.parametrize(
    ("flags", "shown"),
    [((), r".+"), (("--quiet",), ""), (("-q",), "")],
)
def test_quiet_shows_no_note_and_the_data_stay(
    flags: tuple[str, ...], shown: str, command: Command, tmp_path: Path
) -> None:
    made = command(*flags, "new", "one", "--template", "pricing", "--into", str(tmp_path / "one"))

    assert made.code == 0
    assert made.out.startswith(str(tmp_path / "one"))
    assert re.fullmatch(shown, made.err, re.DOTALL)


def test_verbose_says_after_how_many_seconds(command: Command, tmp_path: Path) -> None:
    made = command("-v", "new", "one", "--template", "pricing", "--into", str(tmp_path / "one"))

    lines = made.err.splitlines()
    assert made.code == 0 and lines
    assert [line for line in lines if not re.match(r" *\d+\.\d s  \S", line)] == []


def test_quiet_hides_no_error(command: Command) -> None:
    refused = command("--quiet", "at", "nonsense")

    assert refused.code != 0 and refused.err.startswith("error: ")


def test_both_at_once_are_refused(command: Command) -> None:
    refused = command("--quiet", "--verbose", "at", "now")

    assert (refused.code, "exclude each other" in refused.err) == (2, True)
