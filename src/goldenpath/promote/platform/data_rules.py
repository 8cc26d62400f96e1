"""What a platform demands of the data behind a release: `[data]` of `platform.toml`."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from goldenpath.promote.platform.demands import quoted
from goldenpath.promote.platform.toml_table import Table, duration_text


@dataclass(frozen=True, slots=True)
class DataRules:
    """Rules over every data set of a release; what is empty or 0 demands nothing."""

    max_age: timedelta = timedelta(0)
    """How old the oldest record may be."""
    forbidden_columns: tuple[str, ...] = ()
    """Names, `*` for any letters, in whatever case, that neither data nor inputs may have."""
    minimum_rows: int = 0
    """Rows that each data set has to have."""


NO_RULES = DataRules()


def read_rules(table: Table) -> DataRules:
    """The rules; their faults go to the table."""
    rules = DataRules(
        max_age=table.duration("max-age"),
        forbidden_columns=table.texts("forbidden-columns"),
        minimum_rows=table.count("minimum-rows", 0),
    )
    table.end()
    return rules


def rules_lines(rules: DataRules) -> Iterator[str]:
    """The lines that read back as these rules."""
    if rules == NO_RULES:
        return
    yield from ("", "[data]")
    if rules.max_age:
        yield f"max-age = {quoted(duration_text(rules.max_age))}"
    if rules.forbidden_columns:
        yield f"forbidden-columns = [{', '.join(map(quoted, rules.forbidden_columns))}]"
    if rules.minimum_rows:
        yield f"minimum-rows = {rules.minimum_rows}"
