"""One platform on this machine for the tests that only read it."""

import os
from collections.abc import Iterator

import pytest

from tests.deploy.platform import OneMachine
from tests.starter import LASTING


@pytest.fixture(scope="package")
def platform(tmp_path_factory: pytest.TempPathFactory) -> OneMachine:
    """A founded platform with one signed release in its registry; not to be changed."""
    here = OneMachine(tmp_path_factory.mktemp(f"{LASTING}platform"))
    here.deploy((here.release(), 100))
    return here


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No variable of the caller decides what a test means."""
    for name in os.environ:
        if name.startswith(("GOLDENPATH_", "MLFLOW_")) and name != "GOLDENPATH_TEST_SIZE":
            monkeypatch.delenv(name)
    yield
