"""Rules of a platform for how releases are built: `[build]` in `platform.toml`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from goldenpath.canonical import JsonValue
from goldenpath.promote.platform.demands import listed
from goldenpath.promote.platform.toml_table import Table


@dataclass(frozen=True, slots=True)
class BuildRules:
    """What must have confined the programs of a project while it was built."""

    confinement: tuple[str, ...] = ()
    """Measures that must have been in force, by their names in the provenance."""
    network: bool = True
    """Whether projects may declare the network."""


ANY_BUILD = BuildRules()


def read_build_rules(table: Table) -> BuildRules:
    """Read the rules. Faults are added to the table."""
    network = table.flag("network") if table.has("network") else True
    rules = BuildRules(table.texts("confinement"), network)
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


def build_faults(rules: BuildRules, recorded: Mapping[str, JsonValue]) -> Iterator[str]:
    """Yield what is wrong with a build. `recorded` has the keys `confinement` and `network`.

    What is not recorded counts as missing.
    """
    measures = recorded.get("confinement")
    present = measures if isinstance(measures, list) else []
    missing = [name for name in rules.confinement if name not in present]
    if missing:
        yield f"programs of the project ran without {', '.join(missing)}"
    if not rules.network and recorded.get("network") is not False:
        yield "programs of the project may have used the network"
