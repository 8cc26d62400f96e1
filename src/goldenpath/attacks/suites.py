"""All suites of attacks by name."""

from collections.abc import Callable, Mapping

from goldenpath.attacks.callers.http_suite import http_suite
from goldenpath.oci.store import Store
from goldenpath.release.attacks.suite import AttackSuite
from goldenpath.release.attacks.supply_chain import supply_chain


def suites(fresh: Callable[[], Store]) -> Mapping[str, Callable[[], AttackSuite]]:
    """Return what makes each suite. A `fresh` store is empty, and nobody else uses it."""
    return {"supply-chain": lambda: supply_chain(fresh), "http": http_suite}
