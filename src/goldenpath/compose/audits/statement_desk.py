"""The statements of a project on this machine: what is open, and who approved them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from goldenpath.compose.building import project_faults, statement_scene
from goldenpath.compose.process_context import home, write_whole
from goldenpath.errors import InvalidInput
from goldenpath.parsers.fault import Fault
from goldenpath.project.claims.approvers import approver_faults
from goldenpath.project.claims.statement_head import HEADER, with_head
from goldenpath.project.links import refuse_links
from goldenpath.project.load import required_here
from goldenpath.project.text import front_matter, parse_statement, read_text


@dataclass(frozen=True, slots=True)
class StatementRow:
    """One statement that the tier of a project asks for."""

    numbers: str
    """Its numbers in the catalogue of statements, such as `H02, H07`."""
    file: str
    head: Mapping[str, str]
    """The fields of its head; empty texts where nothing is written."""
    open: tuple[str, ...]
    """What is open, in words."""


def statement_rows(root: Path) -> tuple[StatementRow, ...]:
    """Return every statement that the project asks of people."""
    required = required_here(root)
    faults = project_faults(home(), root)
    files = dict.fromkeys(each.file for each in required)
    return tuple(
        StatementRow(
            ", ".join(each.number for each in required if each.file == file),
            file,
            _head(root / file),
            tuple(str(fault) for fault in faults if fault.file == file),
        )
        for file in files
    )


def fill_heads(root: Path, head: Mapping[str, str]) -> tuple[str, ...]:
    """Fill the empty fields of the head of each statement that somebody has written.

    A text that is empty, a placeholder or a template stays unapproved. Returns the files that were
    changed. Raises `InvalidInput` for an approver who is the owner, or whom nobody lists.
    """
    refuse_links(root)
    scene = statement_scene(home(), root)
    for fault in approver_faults("", head, scene.people):
        raise InvalidInput(f"expected {fault.expected}, got {fault.got}", hint=fault.hint)
    if head["owner"].strip().casefold() == head["approved_by"].strip().casefold():
        raise InvalidInput("expected somebody other than the owner as approver, got the owner")
    faults = project_faults(home(), root, scene)
    changed = []
    for file in dict.fromkeys(each.file for each in required_here(root)):
        path = root / file
        if not path.is_file() or any(map(_is_of_text, _of(faults, file))):
            continue
        text = read_text(path)
        filled = with_head(text, head)
        if filled != text:
            write_whole(path, filled.encode())
            changed.append(file)
    return tuple(changed)


def _of(faults: tuple[Fault, ...], file: str) -> list[Fault]:
    return [fault for fault in faults if fault.file == file]


def _is_of_text(fault: Fault) -> bool:
    """Whether a fault is about the text, and not only about empty fields of the head."""
    return not set(fault.key.split(", ")) <= {*HEADER}


def _head(path: Path) -> Mapping[str, str]:
    try:
        text = read_text(path)
        values = front_matter(text, path.name)[0] if path.suffix == ".md" else None
        values = parse_statement(text, path.name) if values is None else values
    except InvalidInput:
        return dict.fromkeys(HEADER, "")
    return {key: str(values.get(key) or "") for key in HEADER}
