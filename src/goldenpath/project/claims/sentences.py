"""Sentences of the texts that people write, each with its place.

A claim is judged sentence by sentence, so that a finding can name its line. Code blocks and
comments hold no claims. A cell of a table is read with the head of its row and of its column.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_HEADING = re.compile(r"#{1,6}\s+(.*?)\s*#*")
_ITEM = re.compile(r"^\s*(?:[-+*]|\d{1,3}[.)])\s+")
_RULE = re.compile(r"[\s|:-]+")
_END = re.compile(r"(?<=[.!?;])[\"”')\]]*\s+(?=[^a-z\s])")
OTHER_MODEL = re.compile(
    r"\b(?:previous|predecessors?|former|earlier|older|before|champion|benchmark|baseline|published"
    r"|literature|papers?|authors?|vendor|naive|at random|random (?:guess|model|score)|coin|others?"
    r"|another|alternatives?|tried|rejected|challenger|without|instead"
    r"|last (?:model|release|version|year)|chance|guessing"
    r"|vorgänger\w*|vorherig\w*|bisherig\w*|frühere\w*|andere[snrm]?|zufall\w*|ohne"
    r"|précédente?s?|prédécesseurs?|ancien(?:ne)?s?|antérieure?s?|autres?|hasard|sans)\b",
    re.IGNORECASE,
)
"""Words that show that a clause speaks of another model, or of no model."""
_FENCE = ("```", "~~~")


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of a statement."""

    place: str
    """`line 12` of a Markdown file, or the dotted field of a YAML file."""
    text: str


def without_comments(text: str) -> str:
    """Return a Markdown text with its comments blanked; line numbers stay."""
    return _COMMENT.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)


def markdown_sentences(text: str) -> tuple[Sentence, ...]:
    """Return the sentences of a Markdown file, whose front matter is skipped."""
    return tuple(
        Sentence(f"line {line}", _plain(part))
        for block in _blocks(without_comments(text).splitlines())
        for line, part in _parts(block)
        if _plain(part)
    )


def field_sentences(values: Mapping[str, object], prefix: str = "") -> Iterator[Sentence]:
    """Yield the sentences of every text in a YAML mapping, with its dotted field."""
    for place, value in leaves(values, prefix):
        if isinstance(value, str):
            for part in _END.split(" ".join(value.split())):
                if _plain(part):
                    yield Sentence(place, _plain(part))


def leaves(value: object, place: str = "") -> Iterator[tuple[str, object]]:
    """Yield every value below a YAML value that is no mapping and no list, with its field."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from leaves(inner, f"{place}.{key}" if place else str(key))
    elif isinstance(value, list | tuple):
        for position, inner in enumerate(value):
            yield from leaves(inner, f"{place}[{position}]")
    else:
        yield place, value


def _blocks(lines: list[str]) -> Iterator[list[tuple[int, str]]]:
    """Yield paragraphs, list items and tables as numbered lines; each heading alone."""
    block: list[tuple[int, str]] = []
    for number, line in _text_lines(lines):
        is_heading = _HEADING.fullmatch(line.strip()) is not None
        is_cell = line.strip().startswith("|")
        begins = not line.strip() or is_heading or _ITEM.match(line)
        if block and (begins or is_cell != block[-1][1].startswith("|")):
            yield block
            block = []
        if line.strip():
            block.append((number, line.strip()))
        if is_heading:
            yield block
            block = []
    if block:
        yield block


def _text_lines(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Yield the numbered lines after the front matter; those of code are empty."""
    fence, first = "", _front_matter_end(lines) + 1
    for number, line in enumerate(lines[first - 1 :], start=first):
        start = line.strip()[:3]
        if fence or start in _FENCE:
            fence = "" if start == fence else fence or start
            yield number, ""
        else:
            yield number, line


def _front_matter_end(lines: list[str]) -> int:
    if not lines or lines[0] != "---":
        return 0
    return next((n for n, line in enumerate(lines[1:], start=2) if line == "---"), 0)


def _parts(block: list[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    if block[0][1].startswith("|"):
        yield from _cells(block)
        return
    text, starts = "", []
    for number, line in block:
        starts.append((len(text), number))
        text += line + " "
    begin = 0
    for end in (*_END.finditer(text), None):
        stop = len(text) if end is None else end.start()
        yield max(n for at, n in starts if at <= begin), text[begin:stop]
        begin = stop if end is None else end.end()


def _cells(block: list[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Yield each cell of a table with the first cell of its row and the head of its column."""
    table = [
        (number, [each.strip() for each in line.strip("|").split("|")]) for number, line in block
    ]
    head = table[0][1]
    for number, row in table[1:]:
        if all(_RULE.fullmatch(each) or not each for each in row):
            continue
        for position, cell in enumerate(row[1:], start=1):
            column = head[position] if position < len(head) else ""
            yield number, f"{row[0]} {column} {cell}"
        if len(row) == 1:
            yield number, row[0]
    if len(table) == 1:
        yield table[0][0], " ".join(head)


def _plain(text: str) -> str:
    text = unicodedata.normalize("NFKC", text.replace("*", ""))
    return " ".join(_ITEM.sub("", text, count=1).split())
