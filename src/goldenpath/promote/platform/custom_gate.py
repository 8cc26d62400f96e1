"""A gate that is Python code of the platform: `[[gate]]` with an `object` in `platform.toml`."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from goldenpath.parsers.toml_text import listed, quoted
from goldenpath.promote.platform.toml_table import Table

_OBJECT = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True)
class NamedGate:
    """The name of a gate, its stages, and the Python object that judges."""

    name: str
    stages: tuple[str, ...]
    object: str


def read_named(table: Table, names: set[str], taken: tuple[str, ...]) -> NamedGate:
    """Read one `[[gate]]` with an `object`. Faults are added to the table."""
    gate = NamedGate(table.text("name"), table.texts("stages"), table.text("object"))
    table.end()
    if gate.name in names or gate.name in taken:
        table.fault("name", "a name that no other gate has", gate.name)
    names.add(gate.name)
    if not gate.stages:
        table.fault("stages", "at least one stage", "nothing")
    if gate.object and _OBJECT.fullmatch(gate.object) is None:
        table.fault("object", "package.module:NAME", gate.object)
    return gate


def named_lines(gates: Iterable[NamedGate]) -> Iterator[str]:
    """Yield a TOML table for each gate."""
    for named in gates:
        yield from ("", "[[gate]]", f"name = {quoted(named.name)}")
        yield f"stages = {listed(named.stages)}"
        yield f"object = {quoted(named.object)}"
