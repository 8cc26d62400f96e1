"""The place of the folders of tests: only where they fit."""

import os
from pathlib import Path

import pytest

from tests.temporary import MEMORY, choose, fits


def test_a_place_without_room_or_that_is_not_there_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTEST_DEBUG_TEMPROOT", raising=False)

    assert fits(tmp_path, 1)
    assert not fits(tmp_path, 1 << 60)
    assert not fits(tmp_path / "absent", 1)
    choose(tmp_path, 1 << 60)
    assert "PYTEST_DEBUG_TEMPROOT" not in os.environ


def test_what_the_caller_chose_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DEBUG_TEMPROOT", str(tmp_path))

    choose(MEMORY, 1)

    assert os.environ["PYTEST_DEBUG_TEMPROOT"] == str(tmp_path)
