"""All suites of attacks by name."""

from collections.abc import Callable, Mapping

from goldenpath.attacks.callers.http_suite import http_suite
from goldenpath.attacks.holders.rights_suite import rights_suite
from goldenpath.attacks.programs.build_suite import build_suite
from goldenpath.attacks.programs.sandbox_suite import sandbox_suite
from goldenpath.attacks.pushers.gitops_suite import gitops_suite
from goldenpath.attacks.registries.registry_suite import registry_suite
from goldenpath.oci.store import Store
from goldenpath.release.attacks.suite import AttackSuite
from goldenpath.release.attacks.supply_chain import supply_chain


def suites(fresh: Callable[[], Store]) -> Mapping[str, Callable[[], AttackSuite]]:
    """Return what makes each suite. A `fresh` store is empty, and nobody else uses it."""
    return {
        "supply-chain": lambda: supply_chain(fresh),
        "build": build_suite,
        "sandbox": sandbox_suite,
        "gitops": gitops_suite,
        "rights": rights_suite,
        "registry": lambda: registry_suite(fresh),
        "http": http_suite,
    }
