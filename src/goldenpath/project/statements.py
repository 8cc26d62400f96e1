"""The statements that people write for each tier, and the checks that they exist and are current.

The numbers (H01, H02, …) are those of the catalogue in our reference on regulation. A program
cannot write these statements, for example on who owns the system or what it is for. It can refuse
a release that lacks them.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path

from goldenpath.errors import InvalidInput
from goldenpath.parsers.fault import Fault
from goldenpath.project.schema import schema_faults
from goldenpath.project.spec import Tier
from goldenpath.project.text import front_matter, parse_statement, read_text

THRESHOLDS = "compliance/thresholds.yaml"
CARD = "compliance/card.md"


@dataclass(frozen=True, slots=True)
class RequiredStatement:
    """A statement that a tier requires: its number in the catalogue, its file and its section."""

    number: str
    file: str
    section: str = ""
    """Title of the section in a Markdown file; empty if the statement is the whole file."""


_LOW = (
    RequiredStatement("H01", "compliance/system.yaml"),
    RequiredStatement("H02", CARD, "Intended purpose"),
    RequiredStatement("H07", CARD, "Limits and misuse"),
    RequiredStatement("H15", "compliance/roles.yaml"),
    RequiredStatement("H24", THRESHOLDS),
)
_MATERIAL = (
    *_LOW,
    RequiredStatement("H04", CARD, "Design rationale"),
    RequiredStatement("H06", CARD, "Metrics rationale"),
    RequiredStatement("H08", CARD, "Human oversight"),
    RequiredStatement("H13", "compliance/monitoring-plan.yaml"),
)
_HIGH = (
    *_MATERIAL,
    RequiredStatement("H03", CARD, "Affected persons"),
    RequiredStatement("H05", CARD, "Architecture"),
    RequiredStatement("H09", CARD, "Predetermined changes"),
    RequiredStatement("H10", CARD, "Instructions"),
    RequiredStatement("H12", "compliance/risks.yaml"),
    RequiredStatement("H14", "compliance/standards.yaml"),
    RequiredStatement("H16", "compliance/declaration.md"),
    RequiredStatement("H17", "compliance/fria.md"),
    RequiredStatement("H18", "compliance/dpia.yaml"),
    RequiredStatement("H19", "compliance/qms.yaml"),
    RequiredStatement("H20", "compliance/security.md"),
    RequiredStatement("H21", "compliance/retention.yaml"),
    RequiredStatement("H25", "compliance/registration.yaml"),
)
REQUIRED: Mapping[Tier, tuple[RequiredStatement, ...]] = {
    "low": _LOW,
    "material": _MATERIAL,
    "high": _HIGH,
}


def required_statements(tier: Tier, datasets: tuple[str, ...]) -> tuple[RequiredStatement, ...]:
    """Return the statements of a tier. From `material` on, each dataset needs a datasheet (H11)."""
    sheets = tuple(RequiredStatement("H11", f"compliance/datasets/{name}.md") for name in datasets)
    return REQUIRED[tier] if tier == "low" else (*REQUIRED[tier], *sheets)


def statement_faults(
    root: Path, required: tuple[RequiredStatement, ...], now: datetime | None
) -> tuple[Fault, ...]:
    """Return what is missing, not approved or out of date in the statements below `root`.

    Dates are compared only if `now` is given.
    """
    return _faults(lambda file: _from_folder(root / file), required, now)


def document_faults(
    documents: Mapping[str, bytes], required: tuple[RequiredStatement, ...], now: datetime | None
) -> tuple[Fault, ...]:
    """Return `statement_faults` of the texts in a release, given by their path in the project."""
    return _faults(lambda file: _from_release(documents.get(file)), required, now)


def _faults(
    read: Callable[[str], str | None], required: tuple[RequiredStatement, ...], now: datetime | None
) -> tuple[Fault, ...]:
    files = dict.fromkeys(statement.file for statement in required)
    faults: list[Fault] = []
    for file in files:
        sections = tuple((r.number, r.section) for r in required if r.file == file and r.section)
        numbers = ", ".join(r.number for r in required if r.file == file)
        faults.extend(_file_faults(read, file, numbers, sections, now=now))
    return tuple(faults)


def _from_folder(path: Path) -> str | None:
    return read_text(path) if path.is_file() else None


def _from_release(content: bytes | None) -> str | None:
    try:
        return None if content is None else content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"it is not UTF-8: {error.reason}") from error


def _file_faults(
    read: Callable[[str], str | None],
    file: str,
    numbers: str,
    sections: tuple[tuple[str, str], ...],
    *,
    now: datetime | None,
) -> Iterator[Fault]:
    try:
        text = read(file)
        if text is None:
            yield Fault(file, "", f"the statement {numbers}", "no such file")
            return
        values, body = _parsed(text, file)
    except InvalidInput as error:
        yield Fault(file, "", "a readable statement", error.message)
        return
    if file == THRESHOLDS:
        yield from schema_faults(values, "thresholds", file)
    yield from _approval_faults(file, values, now)
    for number, title in sections:
        if not _section(body, title):
            yield Fault(file, f"## {title}", f"the statement {number}", "no text under that title")


@lru_cache(maxsize=128)
def _parsed(text: str, file: str) -> tuple[Mapping[str, object], str]:
    # Each gate of each stage parses the same texts, and parsing YAML is slow.
    return front_matter(text, file) if file.endswith(".md") else (parse_statement(text, file), "")


def _approval_faults(
    file: str, values: Mapping[str, object], now: datetime | None
) -> Iterator[Fault]:
    for key in ("owner", "approved_by"):
        if not isinstance(values.get(key), str) or not values[key]:
            yield Fault(file, key, "the name or role of a person", _got(values.get(key)))
    if values.get("owner") and values.get("owner") == values.get("approved_by"):
        yield Fault(file, "approved_by", "somebody other than the owner", _got(values["owner"]))
    approved = _date(values.get("approved_on"))
    review = _date(values.get("review_by"))
    for key, day in (("approved_on", approved), ("review_by", review)):
        if day is None:
            yield Fault(file, key, "a date such as 2026-01-31", _got(values.get(key)))
    if now is None:
        return
    today = now.astimezone(UTC).date()
    if review is not None and review < today:
        yield Fault(file, "review_by", f"a date from {today} on", str(review), "review it again")
    if approved is not None and approved > today:
        yield Fault(file, "approved_on", f"a date up to {today}", str(approved))


def _date(value: object) -> date | None:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _got(value: object) -> str:
    return "nothing" if value in (None, "") else repr(value)


def _section(body: str, title: str) -> str:
    pattern = rf"^## {re.escape(title)}\s*$(.*?)(?=^## |\Z)"
    match = re.search(pattern, body, re.MULTILINE | re.DOTALL | re.IGNORECASE)
    return match.group(1).strip() if match else ""
