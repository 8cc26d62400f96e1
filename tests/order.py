"""The slow files first, so that two workers end together; how slow each is, is recorded as data.

`GOLDENPATH_RECORD_SECONDS=1 make unit` writes the record anew. A file that is not in it is quick.
"""

import json
import os
from pathlib import Path

import pytest

_RECORD = Path(__file__).parent / "data" / "seconds.json"
_taken: dict[str, float] = {}


def by_duration(items: list[pytest.Item]) -> None:
    """Puts whole files in order; within a file nothing moves."""
    seconds: dict[str, int] = json.loads(_RECORD.read_bytes())
    items.sort(key=lambda item: -seconds.get(item.nodeid.partition("::")[0], 0))


def note(report: pytest.TestReport) -> None:
    """Adds up what a file takes."""
    file = report.nodeid.partition("::")[0]
    _taken[file] = _taken.get(file, 0.0) + report.duration


def record() -> None:
    """Writes down what each file took, if that was asked for."""
    if os.environ.get("GOLDENPATH_RECORD_SECONDS"):
        slow = {file: round(taken) for file, taken in sorted(_taken.items()) if taken >= 1}
        _RECORD.write_text(json.dumps(slow, indent=1) + "\n")
