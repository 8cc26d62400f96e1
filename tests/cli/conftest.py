"""A platform with a release in two stages, made once; each test works on a copy of its own."""

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from goldenpath.digest import Digest
from tests.cli.saying import Command
from tests.promote.road import Road
from tests.release.catalogue.tables import copy_empty_catalogue
from tests.starter import LASTING


@dataclass(frozen=True, slots=True)
class Town:
    """Where the platform lies, and the two releases that it has."""

    folder: Path
    live: Digest
    """In dev and in test."""
    fresh: Digest
    """In no stage."""

    def acting(self, name: str) -> tuple[str, ...]:
        """The flags with which a person of this platform acts."""
        return ("--as", name, "--key", str(self.folder / name))


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    """The platform as it was made; not to be changed."""
    folder = tmp_path_factory.mktemp(f"{LASTING}town")
    road = Road(folder, datetime.now(UTC) - timedelta(minutes=10))
    copy_empty_catalogue(road.home.root / "mlflow.db")
    live = road.release(b"one")
    for stage in ("dev", "test"):
        road.promote(live, stage)
    return Town(road.folder, live, road.release(b"two"))


@pytest.fixture
def copy(town: Town, tmp_path: Path) -> Town:
    """A copy that a test may change."""
    shutil.copytree(town.folder, tmp_path / "town")
    return Town(tmp_path / "town", town.live, town.fresh)


def _command(
    home: Town, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    monkeypatch.chdir(home.folder)
    monkeypatch.setenv("GOLDENPATH_HOME", str(home.folder / "home"))
    monkeypatch.delenv("GOLDENPATH_IDENTITY", raising=False)
    return Command(capsys)


@pytest.fixture
def reading(
    town: Town, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """The command on the platform of the session, for what changes nothing."""
    return _command(town, monkeypatch, capsys)


@pytest.fixture
def changing(
    copy: Town, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """The command on the copy."""
    return _command(copy, monkeypatch, capsys)
