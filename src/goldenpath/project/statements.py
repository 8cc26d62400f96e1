"""The statements that people write for each tier, and the checks that they exist and are current.

The numbers (H01, H02, …) are those of the catalogue in our reference on regulation. A program
cannot write these statements, for example on who owns the system or what it is for. It can refuse
a release that lacks them.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from goldenpath.errors import InvalidInput
from goldenpath.parsers.fault import Fault
from goldenpath.project.claims.statement_head import FILL, HEADER
from goldenpath.project.schema import schema_faults
from goldenpath.project.spec import Tier
from goldenpath.project.text import front_matter, parse_statement, read_text

if TYPE_CHECKING:  # their patterns take a while to compile, and few questions need them
    from goldenpath.project.claims.approvers import ListedPerson
    from goldenpath.project.claims.known_facts import ReleaseFacts

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


@dataclass(frozen=True, slots=True)
class StatementScene:
    """What the content of statements is compared with."""

    people: "Sequence[ListedPerson] | None" = None
    """The people of the platform. None: no platform is known here, so approvers are not checked."""
    demonstration: bool = False
    """Whether the platform was set up as a demonstration."""
    facts: "ReleaseFacts | None" = None
    """What is known about the release. None: claims are not compared."""

    @property
    def not_checked(self) -> tuple[str, ...]:
        """What is not checked here, and why, in words."""
        unknown = ("no platform here, so nobody is compared with its people",)
        approvers = () if self.people is not None else unknown
        facts = ("claims of texts",) if self.facts is None else self.facts.not_compared
        return (*approvers, *facts)


@dataclass(frozen=True, slots=True)
class _File:
    """One statement that could be read."""

    name: str
    text: str
    values: Mapping[str, object]
    body: str


def statement_faults(
    root: Path,
    required: tuple[RequiredStatement, ...],
    now: datetime | None,
    scene: StatementScene | None = None,
) -> tuple[Fault, ...]:
    """Return what is missing, not approved or out of date in the statements below `root`.

    Dates are compared only if `now` is given, and contents only if `scene` is.
    """
    folder = root / "compliance"
    others = sorted(path for path in folder.rglob("*") if path.suffix in _SUFFIXES)
    names = tuple(path.relative_to(root).as_posix() for path in others if path.is_file())
    return _faults(lambda file: _from_folder(root / file), required, now, (names, scene))


def document_faults(
    documents: Mapping[str, bytes],
    required: tuple[RequiredStatement, ...],
    now: datetime | None,
    scene: StatementScene | None = None,
) -> tuple[Fault, ...]:
    """Return `statement_faults` of the texts in a release, given by their path in the project."""
    names = tuple(
        name
        for name in sorted(documents)
        if name.startswith("compliance/") and name.endswith(_SUFFIXES)
    )
    return _faults(lambda file: _from_release(documents.get(file)), required, now, (names, scene))


def named_approvers(
    documents: Mapping[str, bytes], required: tuple[RequiredStatement, ...]
) -> Mapping[str, str]:
    """Return whom each of the texts names as its approver, by file. That is text and no signature.

    Texts that cannot be read, or name nobody, are left out.
    """
    named: dict[str, str] = {}
    for name in dict.fromkeys(statement.file for statement in required):
        with suppress(InvalidInput):
            file = _read(lambda each: _from_release(documents.get(each)), name)
            approver = None if file is None else file.values.get("approved_by")
            if isinstance(approver, str) and approver:
                named[name] = approver
    return named


def _faults(
    read: Callable[[str], str | None],
    required: tuple[RequiredStatement, ...],
    now: datetime | None,
    others: tuple[tuple[str, ...], StatementScene | None],
) -> tuple[Fault, ...]:
    names, scene = others
    faults: list[Fault] = []
    files: list[_File] = []
    for name in dict.fromkeys(statement.file for statement in required):
        numbers = ", ".join(r.number for r in required if r.file == name)
        try:
            file = _read(read, name)
        except InvalidInput as error:
            faults.append(Fault(name, "", "a readable statement", error.message))
            continue
        if file is None:
            faults.append(Fault(name, "", f"the statement {numbers}", "no such file"))
            continue
        files.append(file)
        sections = {r.section: r.number for r in required if r.file == name and r.section}
        faults.extend(_required_faults(file, sections, now, scene))
    if scene is not None:
        more = (name for name in names if all(name != file.name for file in files))
        for name in more:
            with suppress(InvalidInput):  # nobody asks for it, and it is printed as it is
                for file in filter(None, [_read(read, name)]):
                    files.append(file)
                    faults.extend(_ahead(file, now) if now is not None else ())
        faults.extend(_scene_faults(files, now, scene))
    return tuple(faults)


_SUFFIXES = (".md", ".yaml")


def _from_folder(path: Path) -> str | None:
    return read_text(path) if path.is_file() else None


def _from_release(content: bytes | None) -> str | None:
    try:
        return None if content is None else content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"it is not UTF-8: {error.reason}") from error


def _read(read: Callable[[str], str | None], name: str) -> _File | None:
    text = read(name)
    return None if text is None else _File(name, text, *_parsed(text, name))


@lru_cache(maxsize=128)
def _parsed(text: str, file: str) -> tuple[Mapping[str, object], str]:
    # Each gate of each stage parses the same texts, and parsing YAML is slow.
    return front_matter(text, file) if file.endswith(".md") else (parse_statement(text, file), "")


def _required_faults(
    file: _File, sections: Mapping[str, str], now: datetime | None, scene: StatementScene | None
) -> Iterator[Fault]:
    """Yield the faults of a statement that the tier requires.

    As long as its head is empty nobody answers for it, so what is not written there is open.
    """
    if file.name == THRESHOLDS:
        violations = schema_faults(file.values, "thresholds", file.name)
        yield from (each for each in violations if each.key not in HEADER)
    is_open = all(file.values.get(key) in (None, "") for key in HEADER)
    for fault in _word_faults(file, sections, now, scene):
        yield replace(fault, is_open=is_open)


def _word_faults(
    file: _File, sections: Mapping[str, str], now: datetime | None, scene: StatementScene | None
) -> Iterator[Fault]:
    """Yield what is not written or not approved in a statement."""
    yield from _approval_faults(file, now)
    texts = {title: _section(file.body, title) for title in sections}
    for title, text in texts.items():
        if not text:
            expected = f"the statement {sections[title]}"
            yield Fault(file.name, f"## {title}", expected, "no text under that title")
    if scene is not None and file.name != THRESHOLDS:
        from goldenpath.project.claims.statement_content import body_faults, field_faults

        demonstration = scene.demonstration
        if file.name.endswith(".md"):
            yield from body_faults(file.name, file.body, texts, demonstration=demonstration)
        else:
            yield from field_faults(file.name, file.values, demonstration=demonstration)


def _scene_faults(
    files: list[_File], now: datetime | None, scene: StatementScene
) -> Iterator[Fault]:
    """Yield what people and facts say against any statement, required or not."""
    from goldenpath.project.claims.approvers import approver_faults
    from goldenpath.project.claims.statement_claims import claim_faults
    from goldenpath.project.claims.statement_content import date_faults

    for file in files:
        yield from approver_faults(file.name, file.values, scene.people)
        if now is not None:
            yield from date_faults(file.name, file.values, now.astimezone(UTC).date())
    yield from claim_faults(
        {file.name: file.text for file in files if file.name.endswith(".md")},
        {file.name: file.values for file in files if file.name.endswith(".yaml")},
        scene.facts,
    )


def _approval_faults(file: _File, now: datetime | None) -> Iterator[Fault]:
    name, values = file.name, file.values
    empty = [key for key in HEADER if values.get(key) in (None, "")]
    if empty:
        expected = ", ".join(dict.fromkeys(_HEAD[key] for key in empty))
        yield Fault(name, ", ".join(empty), expected, "nothing", FILL)
    for key in ("owner", "approved_by"):
        if key not in empty and not isinstance(values[key], str):
            yield Fault(name, key, _HEAD[key], _got(values[key]), FILL)
    if values.get("owner") and _plain(values.get("owner")) == _plain(values.get("approved_by")):
        yield Fault(name, "approved_by", "somebody other than the owner", _got(values["owner"]))
    approved = _date(values.get("approved_on"))
    review = _date(values.get("review_by"))
    for key, day in (("approved_on", approved), ("review_by", review)):
        if day is None and key not in empty:
            yield Fault(name, key, _HEAD[key], _got(values.get(key)), FILL)
    if now is None:
        return
    today = now.astimezone(UTC).date()
    if review is not None and review < today:
        yield Fault(name, "review_by", f"a date from {today} on", str(review), "review it again")
    yield from _ahead(file, now)


def _ahead(file: _File, now: datetime) -> Iterator[Fault]:
    """Yield the approval of a statement that is dated ahead."""
    approved, today = _date(file.values.get("approved_on")), now.astimezone(UTC).date()
    if approved is not None and approved > today:
        yield Fault(file.name, "approved_on", f"a date up to {today}", str(approved))


_HEAD = {
    "owner": "the name or role of a person",
    "approved_by": "the name or role of a person",
    "approved_on": "a date such as 2026-01-31",
    "review_by": "a date such as 2026-01-31",
}


def _plain(value: object) -> object:
    return value.strip().casefold() if isinstance(value, str) else value


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
