"""What is made once for the whole run of tests: the real starter, and copies of it to break."""

import gc
import os
import re
import shutil
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

# Tests start hundreds of Pythons. Each would compile all that it imports if the caller's
# environment forbids to write it down, as containers often do.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
os.environ["PYTHONPYCACHEPREFIX"] = str(Path(__file__).parents[1] / "build" / "bytecode")
# Nothing that is loaded for all tests is garbage: see the end of the collection.
gc.disable()
sys.dont_write_bytecode, sys.pycache_prefix = False, os.environ["PYTHONPYCACHEPREFIX"]

from tests import order, sizes, temporary, verbs, workers  # noqa: E402 - as above
from tests.starter import LASTING, make_starter  # noqa: E402 - as above

temporary.choose()
_numbers = count()
_failed = set[str]()
# A busy machine is no fault of what is tested.
hypothesis_settings.register_profile("suite", suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("suite")


@pytest.fixture
def tmp_path(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A folder of this test alone; its name is short, since sockets lie in such folders.

    It goes with its test, so that a whole run needs little disk; that of a failed test stays.
    """
    name = re.sub(r"\W", "_", request.node.name.removeprefix("test_"))
    # `mktemp` would look at every folder that is there already, and there are thousands.
    folder = tmp_path_factory.getbasetemp() / f"{name[:12]}-{next(_numbers)}"
    folder.mkdir(mode=0o700)
    yield folder
    if request.node.nodeid not in _failed:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module", autouse=True)
def _folders_of_this_file(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """What the fixtures of one file write goes with the file, if none of its tests failed."""
    base = tmp_path_factory.getbasetemp()
    before = set(base.iterdir())
    yield
    if not any(name.startswith(request.node.nodeid) for name in _failed):
        for folder in set(base.iterdir()) - before:
            if not folder.name.startswith(LASTING):
                shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The starter as `goldenpath new` makes it; not to be changed."""
    return make_starter(tmp_path_factory.mktemp(f"{LASTING}starter") / "credit-default")


@pytest.fixture
def project(starter: Path, tmp_path: Path) -> Path:
    """A copy of the starter that a test may break."""
    folder = tmp_path / "credit-default"
    shutil.copytree(starter, folder)
    return folder


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of our own."""
    workers.add_option(parser)


def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Runs the tests in several processes, if that was asked for."""
    count: int = session.config.getoption("--workers")
    if session.config.option.collectonly:
        return None
    if not count:
        verbs.prepare()
        return None
    workers.run_side_by_side(session, count)
    return True


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The tests of this size, and the slow files first."""
    sizes.of_this_size(config, items)
    order.by_duration(items)


def pytest_collection_finish() -> None:
    """What was loaded for all tests stays, so nobody looks for garbage in it again."""
    gc.freeze()
    gc.enable()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Notes how long each part of a test took, and which failed."""
    order.note(report)
    if report.failed:
        _failed.add(report.nodeid)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Records it; a worker has seen its own files alone."""
    if not hasattr(session.config, "workerinput"):
        order.record()
