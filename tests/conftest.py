"""What is made once for the whole run of tests: the real starter, and copies of it to break."""

import shutil
from pathlib import Path

import pytest

from tests.starter import make_starter


@pytest.fixture(scope="session")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The starter as `goldenpath new` makes it; not to be changed."""
    return make_starter(tmp_path_factory.mktemp("starter") / "credit-default")


@pytest.fixture
def project(starter: Path, tmp_path: Path) -> Path:
    """A copy of the starter that a test may break."""
    folder = tmp_path / "credit-default"
    shutil.copytree(starter, folder)
    return folder
