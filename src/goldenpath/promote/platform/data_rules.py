"""Rules of a platform for the data behind a release: `[data]` in `platform.toml`."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from goldenpath.parsers.toml_text import quoted
from goldenpath.promote.platform.toml_table import Table, duration_text


@dataclass(frozen=True, slots=True)
class DataRules:
    """Rules for every data set of a release. An empty value or 0 means no rule."""

    max_age: timedelta = timedelta(0)
    """The highest age of the oldest record."""
    forbidden_columns: tuple[str, ...] = ()
    """Patterns of names that neither the data nor the model's inputs may have.

    `*` stands for any characters, and case does not matter.
    """
    minimum_rows: int = 0
    """The lowest number of rows of each data set."""


NO_RULES = DataRules()


def read_rules(table: Table) -> DataRules:
    """Read the rules. Faults are added to the table."""
    rules = DataRules(
        max_age=table.duration("max-age"),
        forbidden_columns=table.texts("forbidden-columns"),
        minimum_rows=table.count("minimum-rows", 0),
    )
    table.end()
    return rules


def rules_lines(rules: DataRules) -> Iterator[str]:
    """Yield the TOML lines of these rules."""
    if rules == NO_RULES:
        return
    yield from ("", "[data]")
    if rules.max_age:
        yield f"max-age = {quoted(duration_text(rules.max_age))}"
    if rules.forbidden_columns:
        yield f"forbidden-columns = [{', '.join(map(quoted, rules.forbidden_columns))}]"
    if rules.minimum_rows:
        yield f"minimum-rows = {rules.minimum_rows}"
