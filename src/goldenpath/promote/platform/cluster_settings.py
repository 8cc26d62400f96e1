"""How a cluster is reached: `[cluster]` in `platform.toml`.

New routes are written with it. A route that exists keeps its hosts and its gateway.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from goldenpath.promote.platform.demands import quoted
from goldenpath.promote.platform.toml_table import Table

_LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_GATEWAY = re.compile(rf"{_LABEL}/{_LABEL}")
_LONGEST_DOMAIN = 120


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """The domain of the models, and the Gateway that their routes belong to."""

    domain: str = "models.internal"
    """A model answers at `<model>.<stage>.<domain>`."""
    gateway: str = "goldenpath/models"
    """Namespace and name of the Gateway."""


NO_CLUSTER = ClusterSettings()


def read_cluster(table: Table) -> ClusterSettings:
    """Read the table `[cluster]`. Faults are added to it."""
    domain = table.text("domain", NO_CLUSTER.domain)
    gateway = table.text("gateway", NO_CLUSTER.gateway)
    table.end()
    if _DOMAIN.fullmatch(domain) is None or len(domain) > _LONGEST_DOMAIN:
        table.fault("domain", f"a DNS domain of at most {_LONGEST_DOMAIN} characters", domain)
    if _GATEWAY.fullmatch(gateway) is None:
        table.fault("gateway", "namespace/name", gateway)
    return ClusterSettings(domain, gateway)


def cluster_lines(cluster: ClusterSettings) -> Iterator[str]:
    """Yield the TOML lines of the table; none for the defaults, so that old files stay equal."""
    if cluster != NO_CLUSTER:
        yield from ("", "[cluster]", f"domain = {quoted(cluster.domain)}")
        yield f"gateway = {quoted(cluster.gateway)}"
