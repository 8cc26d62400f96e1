"""What is wrong inside one statement: it is empty, a placeholder, a template, or dated ahead."""

import re
from collections.abc import Iterator, Mapping
from datetime import date

from goldenpath.parsers.fault import Fault
from goldenpath.project.claims.placeholders import (
    NOT_FILLED,
    is_said,
    is_template_text,
    placeholder_in,
)
from goldenpath.project.claims.sentences import leaves
from goldenpath.project.claims.statement_head import HEADER

OF_A_COMPANY = frozenset(
    {
        "compliance/system.yaml: provider.name",
        "compliance/system.yaml: provider.address",
        "compliance/registration.yaml: number",
        "compliance/declaration.md: ",
    }
)
"""What only a real company has; in a demonstration it may say that it is not filled."""
_PAST = re.compile(r"(?!next|planned|due|review|expected|valid|end)(?:.*_)?(?:on|at|date|since)")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_CURE = "write it in the project, commit it, and build again"
_LONG = 8
"""Words of a field that is compared with the templates; a shorter one may be alike by chance."""


def body_faults(
    file: str, body: str, titles: Mapping[str, str], *, demonstration: bool
) -> Iterator[Fault]:
    """Yield the faults of Markdown: of each section in `titles`, or of the whole body if none.

    `titles` has the text of each required section by its title; one without text is left to the
    caller.
    """
    parts = {f"## {title}": text for title, text in titles.items()} or {"": body}
    for key, text in parts.items():
        if key and not text:
            continue
        yield from _text_faults(file, key, _without_headings(text), demonstration=demonstration)


def field_faults(
    file: str, values: Mapping[str, object], *, demonstration: bool
) -> Iterator[Fault]:
    """Yield the fields of a YAML statement that are empty or hold a placeholder."""
    content = {key: value for key, value in values.items() if key not in HEADER}
    fields = list(leaves(content))
    if not fields:
        yield Fault(file, "", "a statement below its head", "nothing", _CURE)
        return
    empty = [key for key, value in fields if value is None or not str(value).strip()]
    if empty:
        yield Fault(file, ", ".join(empty), "a value, or none and why", "nothing", _CURE)
    for key, value in fields:
        if isinstance(value, str) and key not in empty:
            yield from _value_faults(file, key, value, demonstration=demonstration)


def date_faults(file: str, values: Mapping[str, object], today: date) -> Iterator[Fault]:
    """Yield the dates of what has happened that are still ahead, apart from those of the head."""
    content = {key: value for key, value in values.items() if key not in HEADER}
    for key, value in leaves(content):
        name = re.split(r"[.\[]", key)[-1] if not key.endswith("]") else ""
        if not isinstance(value, str) or _PAST.fullmatch(name) is None:
            continue
        if _DATE.match(value) and value[:10] > today.isoformat():
            yield Fault(file, key, f"a date up to {today}", repr(value), "it has not happened yet")


def not_filled(values: Mapping[str, object]) -> tuple[str, ...]:
    """Return the fields that say that a demonstration has no answer."""
    return tuple(
        key for key, value in leaves(values) if isinstance(value, str) and NOT_FILLED in value
    )


def _value_faults(file: str, key: str, value: str, *, demonstration: bool) -> Iterator[Fault]:
    if NOT_FILLED in value:
        yield from _not_filled_faults(file, key, demonstration=demonstration)
        return
    placeholder = placeholder_in(value)
    if placeholder:
        yield Fault(file, key, "what a person wrote", f"the placeholder {placeholder!r}", _CURE)
    elif len(value.split()) >= _LONG and is_template_text(value):
        yield Fault(file, key, "what a person wrote", "the text of the template", _CURE)


def _text_faults(file: str, key: str, text: str, *, demonstration: bool) -> Iterator[Fault]:
    if NOT_FILLED in text:
        yield from _not_filled_faults(file, key, demonstration=demonstration)
        return
    placeholder = placeholder_in(text)
    if placeholder:
        yield Fault(file, key, "what a person wrote", f"the placeholder {placeholder!r}", _CURE)
    elif not is_said(text):
        got = f"only {text.strip()[:40]!r}" if text.strip() else "no text under it"
        yield Fault(file, key, "a text of at least a sentence", got, _CURE)
    elif is_template_text(text):
        yield Fault(file, key, "what a person wrote", "the text of the template", _CURE)


def _not_filled_faults(file: str, key: str, *, demonstration: bool) -> Iterator[Fault]:
    is_allowed = f"{file}: {key}" in OF_A_COMPANY
    if demonstration and is_allowed:
        return
    expected = "what a person wrote"
    if is_allowed:
        expected += f": {NOT_FILLED!r} counts on a platform set up as a demonstration only"
    yield Fault(file, key, expected, f"{NOT_FILLED!r}", _CURE)


def _without_headings(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
