"""The signed statements about a release as files of a bundle, exactly as they were signed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from goldenpath.release.attest.documents import Document, Documents
from goldenpath.release.attest.policy import SignedStatement, Verified

LARGEST = 64 * 1024
"""Bytes of the largest statement in a bundle. A bill of materials may be larger: it is named."""
MOST_BYTES = 160 * 1024
"""Bytes of all statements of a bundle, so that it stays below 200 kB."""
MOST = 40
"""The most statements in a bundle."""


@dataclass(frozen=True, slots=True)
class StatementFiles:
    """One statement that counts, and the files that hold it."""

    name: str
    """The file of the statement or of its signed envelope."""
    statement: SignedStatement
    files: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Selection:
    """The statements of a bundle, and why others that count are not in it."""

    kept: tuple[StatementFiles, ...]
    left_out: tuple[str, ...]
    """A sentence for each."""


def select_statements(verified: Verified, documents: Documents) -> Selection:
    """Return the statements that fit into a bundle, in the order of their types."""
    by_digest = {document.listed.digest: document for document in documents.referrers}
    kept: list[StatementFiles] = []
    left_out: list[str] = []
    for statement in sorted(
        verified.statements, key=lambda each: (each.statement.predicate_type, each.envelope.text)
    ):
        document = by_digest[statement.envelope]
        reason = _reason(statement, document, kept)
        if reason:
            kind = statement.statement.predicate_type
            left_out.append(f"{kind}, {statement.envelope}, by {statement.signer}: {reason}")
        else:
            kept.append(_files(statement, document, len(kept)))
    return Selection(tuple(kept), tuple(left_out))


def _reason(statement: SignedStatement, document: Document, kept: Sequence[StatementFiles]) -> str:
    size = sum(map(len, document.layers))
    before = sum(len(content) for each in kept for content in each.files.values())
    if size > LARGEST or before + size > MOST_BYTES:
        return f"it has {size} bytes"
    if statement.statement.signed_at is None:
        return "it has no signing time"
    return f"there are {MOST} others" if len(kept) >= MOST else ""


def _files(statement: SignedStatement, document: Document, number: int) -> StatementFiles:
    short = "-".join(_words(statement.statement.predicate_type))
    name = f"statements/{number + 1:02}-{short}.json"
    names = (name, f"{name}.sig") if statement.kind == "person" else (name,)
    return StatementFiles(name, statement, dict(zip(names, document.layers, strict=True)))


def _words(predicate_type: str) -> Iterator[str]:
    """Yield the words of the last parts of a type, such as `approval` of `…/approval/v1`."""
    parts = predicate_type.rstrip("/").split("/")
    named = [part for part in parts[-2:] if not part.startswith("v")]
    for part in named or parts[-1:]:
        yield "".join(letter for letter in part if letter.isalnum() or letter == "-") or "statement"
