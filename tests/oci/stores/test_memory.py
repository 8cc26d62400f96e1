"""The store in memory."""

import pytest

from goldenpath.oci.store import Store
from goldenpath.oci.stores.memory import MemoryStore
from tests.oci.contract import StoreContract


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def store(self) -> Store:
        return MemoryStore()
