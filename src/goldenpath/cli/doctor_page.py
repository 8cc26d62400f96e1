"""The page of `goldenpath doctor`: each check, what was seen, and the cure."""

from collections.abc import Sequence
from typing import Protocol

from goldenpath.cli.tables import TableRow, table


class Examined(Protocol):
    """What every finding of an examination says."""

    @property
    def check(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def cure(self) -> str: ...


def findings_page(findings: Sequence[Examined]) -> str:
    """Return the findings as a table."""
    rows = [
        TableRow(
            (finding.status, finding.check, finding.message),
            (f"cure: {finding.cure}",) if finding.cure else (),
        )
        for finding in findings
    ]
    return table(("status", "check", "what was seen"), rows)
