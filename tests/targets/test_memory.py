from collections.abc import Iterator

import pytest

from goldenpath.reconcile.target import Target
from tests.targets.contract import TargetContract
from tests.targets.memory import MemoryTarget


class TestMemoryTarget(TargetContract):
    @pytest.fixture
    def target(self) -> Iterator[Target]:
        yield MemoryTarget()
