from collections.abc import Iterator

import pytest

from goldenpath.deploy.reconcile.target import Target
from tests.deploy.contract import TargetContract
from tests.deploy.machine.memory import MemoryTarget


class TestMemoryTarget(TargetContract):
    @pytest.fixture
    def target(self) -> Iterator[Target]:
        yield MemoryTarget()
