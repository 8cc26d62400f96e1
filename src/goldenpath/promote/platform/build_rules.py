"""Rules of a platform for how releases are built: `[build]` in `platform.toml`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from goldenpath.canonical import JsonValue
from goldenpath.parsers.toml_text import listed
from goldenpath.promote.platform.toml_table import Table


@dataclass(frozen=True, slots=True)
class BuildRules:
    """How releases are built: confined by what, and from which packages."""

    confinement: tuple[str, ...] = ()
    """Measures that must have been in force, by their names in the provenance."""
    network: bool = True
    """Whether projects may declare the network."""
    indexes: tuple[str, ...] = ()
    """The package indexes of all projects; empty if each project chooses its own."""
    file_hosts: tuple[str, ...] = ()
    """Other hosts that may serve files of these indexes."""


ANY_BUILD = BuildRules()


def read_build_rules(table: Table) -> BuildRules:
    """Read the rules. Faults are added to the table."""
    network = table.flag("network") if table.has("network") else True
    indexes = table.texts("indexes")
    if not all(each.startswith("https://") for each in indexes):
        table.fault("indexes", "addresses that begin with https://", list(indexes))
    hosts = table.texts("file-hosts")
    if hosts and not indexes:
        table.fault("file-hosts", "indexes beside it", "nothing")
    rules = BuildRules(table.texts("confinement"), network, indexes, hosts)
    table.end()
    return rules


def build_lines(rules: BuildRules) -> Iterator[str]:
    """Yield the TOML lines of these rules."""
    if rules == ANY_BUILD:
        return
    yield from ("", "[build]")
    if rules.confinement:
        yield f"confinement = {listed(rules.confinement)}"
    if not rules.network:
        yield "network = false"
    if rules.indexes:
        yield f"indexes = {listed(rules.indexes)}"
    if rules.file_hosts:
        yield f"file-hosts = {listed(rules.file_hosts)}"


def build_faults(rules: BuildRules, recorded: Mapping[str, JsonValue]) -> Iterator[str]:
    """Yield what is wrong with a build, by what its provenance recorded.

    The keys are `confinement`, `network`, `indexes` and `fileHosts`. What is not recorded counts as
    missing.
    """
    measures = recorded.get("confinement")
    present = measures if isinstance(measures, list) else []
    missing = [name for name in rules.confinement if name not in present]
    if missing:
        yield f"programs of the project ran without {', '.join(missing)}"
    if not rules.network and recorded.get("network") is not False:
        yield "programs of the project may have used the network"
    for key, what, allowed in (
        ("indexes", "indexes", rules.indexes),
        ("fileHosts", "hosts of files", (*rules.file_hosts,)),
    ):
        used = recorded.get(key)
        if rules.indexes and not (isinstance(used, list) and set(map(str, used)) <= {*allowed}):
            yield f"its packages may come from other {what} than [build] of platform.toml lists"
    if rules.indexes and recorded.get("indexes") == []:
        yield "its packages may come from any index"
