"""Sentences with a mark that says how they are known, and with links to their records."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from goldenpath.audit.report.printing.cited_records import DIGITS, RecordIndex
from goldenpath.audit.report.proof import Status

Mark = Literal[
    "verified",
    "observed",
    "declared",
    "generated",
    "unknown",
    "contradicted",
    "waived",
    "not asked",
]
"""How a sentence is known, in the words of docs/evidence.md."""
MARK_OF: Mapping[Status, Mark] = MappingProxyType(
    {
        "PROVEN": "verified",
        "OBSERVED": "observed",
        "DECLARED": "declared",
        "STALE": "declared",
        "GENERATED": "generated",
        "MISSING": "unknown",
        "NOT YET OBSERVABLE": "unknown",
        "CONTRADICTED": "contradicted",
        "WAIVED": "waived",
        "NOT APPLICABLE": "not asked",
    }
)
MEANING_OF_MARK: Mapping[Mark, str] = MappingProxyType(
    {
        "verified": "a signed statement about this release says it, and the signature is good",
        "observed": "the platform saw it and wrote it into a chained log; nobody signed it",
        "declared": "a person wrote it; the name and the date of an approver stand beside it",
        "generated": "goldenpath wrote it from the bundle; nothing else proves it",
        "unknown": "nothing is there that says it",
        "contradicted": "two pieces of evidence disagree",
        "waived": "a person let it pass",
        "not asked": "a rule says that it is not asked for",
    }
)
_TOKENS = re.compile(
    r"`[^`\n]+`|sha256:[0-9a-f]{64}|sha256:[0-9a-f]{12}\b|\b[0-9a-f]{64}\b|\b[0-9a-f]{40}\b"
    r"|\b[0-9a-f]{12}\b"
)
_MOST_LINKS = 3
"""Links after one sentence; the index of records has all of them."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a sentence: plain text, something to type, or a digest in short."""

    text: str
    kind: Literal["text", "code", "digest"] = "text"
    full: str = ""
    """The full digest, which is shown on hover."""
    anchor: str = ""
    """The record that it links to; empty if the report does not have it."""


@dataclass(frozen=True, slots=True)
class MarkedSentence:
    """One sentence, its mark and the records that it rests on."""

    mark: Mark
    pieces: tuple[Piece, ...]
    anchors: tuple[str, ...] = ()


def marked_sentences(
    text: str, mark: Mark, anchors: tuple[str, ...], index: RecordIndex
) -> tuple[MarkedSentence, ...]:
    """Return each sentence of a text. What a sentence cites itself is not linked twice."""
    return tuple(_marked(each, mark, anchors, index) for each in split_sentences(text))


def _marked(text: str, mark: Mark, anchors: tuple[str, ...], index: RecordIndex) -> MarkedSentence:
    pieces = tuple(pieces_of(text, index))
    cited = {each.anchor for each in pieces}
    more = tuple(each for each in anchors if each not in cited)
    return MarkedSentence(mark, pieces, more[:_MOST_LINKS])


def split_sentences(text: str) -> tuple[str, ...]:
    """Return the sentences of a text: a new one begins with a capital after a full stop."""
    parts = re.split(r"(?<=[a-z0-9)`][.!?]) +(?=[A-Z])", " ".join(text.split()))
    return tuple(each for each in parts if each)


def pieces_of(text: str, index: RecordIndex) -> Iterator[Piece]:
    """Yield the parts of a text; each full digest becomes a short one that keeps the full one."""
    last = 0
    for token in _TOKENS.finditer(text):
        piece = _piece(token[0], index)
        if piece is None:
            continue
        if token.start() > last:
            yield Piece(text[last : token.start()])
        yield piece
        last = token.end()
    if last < len(text):
        yield Piece(text[last:])


def _piece(token: str, index: RecordIndex) -> Piece | None:
    if token.startswith("`"):
        return Piece(token[1:-1], "code")
    prefix, _, digits = token.rpartition(":")
    record = index.with_digest(token)
    if record is None and len(digits) == DIGITS and not prefix:
        return None  # twelve digits that name no record are a number
    full = record.full if record is not None else token
    short = f"{prefix}:{digits[:DIGITS]}" if prefix else digits[:DIGITS]
    return Piece(short, "digest", full, record.anchor if record is not None else "")
