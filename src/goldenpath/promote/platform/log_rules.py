"""Rules of a stage for its prediction log: `[stage.log]` in `platform.toml`."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from goldenpath.parsers.toml_text import quoted
from goldenpath.promote.platform.toml_table import Table, duration_text

OnLoss = Literal["serve", "refuse"]
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class LogRules:
    """What to do when a record cannot be stored, and the retention times. 0 means no limit."""

    on_loss: OnLoss = "serve"
    """Whether a request whose record cannot be stored is answered and counted, or refused."""
    inputs: timedelta = timedelta(0)
    """How long inputs can be decrypted, in whole days: each day has its own key."""
    records: timedelta = timedelta(0)
    """How long records are kept."""


NO_RULES = LogRules()


def read_log_rules(table: Table) -> LogRules:
    """Read the rules. Faults are added to the table."""
    on_loss = table.text("on-loss", "serve")
    if on_loss not in ("serve", "refuse"):
        table.fault("on-loss", "serve or refuse", on_loss)
    inputs, records = table.duration("inputs"), table.duration("records")
    for key, kept in (("inputs", inputs), ("records", records)):
        if kept % _DAY:
            table.fault(key, "whole days", duration_text(kept))
    if records and records < inputs:
        table.fault("records", "at least as long as inputs", duration_text(records))
    table.end()
    return LogRules("refuse" if on_loss == "refuse" else "serve", inputs, records)


def log_lines(rules: LogRules) -> Iterator[str]:
    """Yield the TOML lines of these rules."""
    if rules == NO_RULES:
        return
    yield from ("", "[stage.log]", f"on-loss = {quoted(rules.on_loss)}")
    if rules.inputs:
        yield f"inputs = {quoted(duration_text(rules.inputs))}"
    if rules.records:
        yield f"records = {quoted(duration_text(rules.records))}"
