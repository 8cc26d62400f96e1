"""The statements of the demo's bank: H01 to H25, for roles and never for persons.

`goldenpath new` leaves them empty. The demo fills them as a careful bank would. What only a real
bank can have says so, and stays a gap on page one of the report.
"""

from collections.abc import Iterator
from datetime import date
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

_APPROVED, _REVIEW = "approved_on: 2026-01-01", "review_by: 2027-01-01"
_HEAD = "owner:\napproved_by:\napproved_on:\nreview_by:\n"
_FILLED = f"owner: data-scientist\napproved_by: validator\n{_APPROVED}\n{_REVIEW}\n"


def write_statements(project: Path, today: date) -> None:
    """Write the statements into a project that `goldenpath new` has made, approved on `today`.

    The limits stay those of the template; only their approval is filled in.
    """
    folder = project / "compliance"
    for name, text in _texts(resources.files(__package__).joinpath("compliance")):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_dated(text, today), "utf-8")
    limits = folder / "thresholds.yaml"
    limits.write_text(_dated(limits.read_text("utf-8").replace(_HEAD, _FILLED), today), "utf-8")


def _texts(folder: Traversable, below: str = "") -> Iterator[tuple[str, str]]:
    for entry in sorted(folder.iterdir(), key=lambda each: each.name):
        if entry.is_dir():
            yield from _texts(entry, f"{below}{entry.name}/")
        else:
            yield f"{below}{entry.name}", entry.read_text("utf-8")


def _dated(text: str, today: date) -> str:
    # Most years have no 29 February, so what is approved on that day is reviewed on the 28th.
    day = today if (today.month, today.day) != (2, 29) else today.replace(day=28)
    dated = text.replace(_APPROVED, f"approved_on: {today}")
    return dated.replace(_REVIEW, f"review_by: {day.replace(year=day.year + 1)}")
