"""Rules of a platform for the data behind a release: `[data]` and `[stage.test-sets]`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

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
    """Read the `[data]` of a platform, if there is one. Faults are added to the table."""
    if not table.has("data"):
        return NO_RULES
    section = table.table("data")
    rules = DataRules(
        max_age=section.duration("max-age"),
        forbidden_columns=section.texts("forbidden-columns"),
        minimum_rows=section.count("minimum-rows", 0),
    )
    section.end()
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


TEST_SETS_GATE = "test-sets"
"""The gate that asks how often data were looked at. No stage has it that does not name it."""
LookAssumption = Literal["adaptive", "fixed"]


@dataclass(frozen=True, slots=True)
class LookRules:
    """How much the best of all looks at the data may flatter: the gate `test-sets` of a stage."""

    max_optimism: float = 0.05
    """For the mean of a number between 0 and 1, at 95 %."""
    assume: LookAssumption = "adaptive"
    """`adaptive`: each model was chosen by whether those before it passed. `fixed`: none was."""


EVERY_LOOK = LookRules()


def read_look_rules(table: Table, gates: Sequence[str]) -> LookRules:
    """Read the `[stage.test-sets]` of a stage, if there is one. Faults are added to the table.

    `gates` are those that the stage names.
    """
    if not table.has("test-sets"):
        return EVERY_LOOK
    section = table.table("test-sets")
    assume = section.choice("assume", ("adaptive", "fixed"))
    rules = LookRules(
        section.share("max-optimism", EVERY_LOOK.max_optimism),
        "fixed" if assume == "fixed" else "adaptive",
    )
    section.end()
    if rules != EVERY_LOOK and TEST_SETS_GATE not in gates:
        table.fault("gates", f"{TEST_SETS_GATE} among them, since [stage.test-sets] is set", "none")
    return rules


def look_rule_lines(rules: LookRules) -> Iterator[str]:
    """Yield the TOML lines of the rules that differ from the defaults."""
    if rules != EVERY_LOOK:
        yield from ("", "[stage.test-sets]", f"max-optimism = {rules.max_optimism!r}")
        yield f"assume = {quoted(rules.assume)}"
