"""What verbs print: texts of others steer no terminal."""

import pytest

from goldenpath.cli.output import note, show

STEERING = "on hold: x\x1b[1A\x1b[2Kapproved by validator\r\u202e"


def test_a_text_of_somebody_else_moves_no_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    show({}, f"{STEERING}\nnext", "text")
    note(STEERING)

    printed = capsys.readouterr()
    for each in (printed.out, printed.err):
        assert not set(each) & {"\x1b", "\r", "\u202e"}
        assert "approved by validator" in each
    assert printed.out.endswith("\nnext\n")
