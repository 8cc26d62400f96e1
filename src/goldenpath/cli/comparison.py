"""The difference of two releases as text: a heading and the values of each differing section."""

from collections.abc import Iterator

from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.release.attest.statement import member
from goldenpath.release.evidence.difference import ChangedValue, ReleaseDifference, Section
from goldenpath.release.evidence.release_facts import TrustedStatements

_WIDTH = 44


def lines(
    difference: ReleaseDifference,
    before: tuple[Digest, TrustedStatements],
    after: tuple[Digest, TrustedStatements],
) -> Iterator[str]:
    """Return the text that `goldenpath diff` prints."""
    yield f"before  {_release(*before)}"
    yield f"after   {_release(*after)}"
    alike = [each for each in difference.sections if not each.changes]
    for section in difference.sections:
        if section.changes:
            yield f"{section.name}  ({_marks(section)})"
            yield from (_line(each) for each in difference.changes if each.section == section.name)
    if not difference.changes:
        yield "no difference"
    if alike:
        yield "alike   " + ", ".join(f"{each.name} ({_marks(each)})" for each in alike)
    yield f"check it with: goldenpath verify {after[0]}"


def _release(digest: Digest, known: TrustedStatements) -> str:
    if known.signers:
        return f"{digest} verified, signed by {', '.join(known.signers)}"
    return f"{digest} observed: no signature of a trusted key"


def _marks(section: Section) -> str:
    if section.before == section.after:
        return section.before
    return f"{section.before} -> {section.after}"


def _line(change: ChangedValue) -> str:
    suffix = f": intervals {change.intervals}" if change.intervals else ""
    name = change.path or "(all)"
    return f"  {name:<{_WIDTH}} {_short(change.before)} -> {_short(change.after)}{suffix}"


def _short(value: JsonValue) -> str:
    match value:
        case None:
            return "(none)"
        case {"value": found, "low": low, "high": high}:
            rows = member(value, "rows")
            bounds = "no interval" if low is None else f"{_short(low)} to {_short(high)}"
            return f"{_short(found)} [{bounds}; {rows} rows]"
        case float():
            return f"{value:.4g}"
        case str() if value.startswith("sha256:"):
            return value[:19]
        case _:
            text = str(value)
            return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"
