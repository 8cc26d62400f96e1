"""Texts that nobody wrote: placeholders, the texts of our own templates, and hardly any words."""

import re
from collections.abc import Iterator
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

from goldenpath.errors import InvalidInput
from goldenpath.project.claims.sentences import leaves, without_comments
from goldenpath.project.text import front_matter, parse_statement

NOT_FILLED = "not filled: demonstration"
"""Stands in a demonstration where only a real company has an answer."""
FEWEST_WORDS = 4
"""Different words that a text needs, or it says nothing."""
_PLACEHOLDER = re.compile(
    r"\b(?:TODO|TO DO|FIXME|TBD|TBC|TBA|t\.b\.[dca]\.?|XXX+|lorem|ipsum|changeme|change me"
    r"|fill (?:me )?in(?: here)?|insert (?:\w+ )?(?:text|name|date|here)"
    r"|your (?:text|name|bank) here"
    r"|not filled|noch zu schreiben|à compléter|da completare)\b|\?{3,}|_{4,}|\{\{.*?\}\}"
    r"|(?:^|[:.;]\s+)(?:\W*)to be (?:filled|written|done|defined|completed|added|decided|provided)",
    re.MULTILINE,
)
_ANY_CASE = re.compile(_PLACEHOLDER.pattern, re.IGNORECASE | re.MULTILINE)
_ANGLE = re.compile(r"<(?!https?:|mailto:|/)([A-Za-z][^<>\n]{0,80})>")
_SQUARE = re.compile(
    r"\[(?:insert|fill|name|date|describe|your|enter|add|write|company|bank|model)\b[^\]\n]*\](?!\()",
    re.IGNORECASE,
)
_CODE = re.compile(r"`[^`\n]*`")
_HTML = frozenset(
    [
        "a",
        "b",
        "br",
        "code",
        "dd",
        "details",
        "div",
        "dl",
        "dt",
        "em",
        "h1",
        "h2",
        "h3",
        "hr",
        "i",
        "img",
        "kbd",
        "li",
        "ol",
        "p",
        "pre",
        "small",
        "span",
        "strong",
        "sub",
        "summary",
        "sup",
        "table",
        "tbody",
        "td",
        "th",
        "thead",
        "tr",
        "u",
        "ul",
    ]
)
_MARK = re.compile(r"[^\W\d_]{2,}")
_RUN = 3
"""Words of a run that is looked up in the templates."""
_COPIED = 0.5
"""The share of such runs at which a text is that of the template, edited or not."""


def placeholder_in(text: str) -> str:
    """Return the first placeholder in a text; empty if there is none."""
    plain = _CODE.sub(" ", without_comments(text))
    match = _ANY_CASE.search(plain) or _SQUARE.search(plain)
    if match is not None:
        return match.group().strip(" .:;\n")
    for angle in _ANGLE.finditer(plain):
        tag = re.split(r"[\s/]", angle[1].lower())[0]
        if tag not in _HTML and "@" not in angle[1]:
            return angle.group()
    return ""


def is_said(text: str) -> bool:
    """Whether a text has enough different words to say something."""
    words = {word.lower() for word in _MARK.findall(without_comments(text))}
    return len(words) >= FEWEST_WORDS


def is_template_text(text: str) -> bool:
    """Whether most of a text stands in a template of `goldenpath new`, word for word or nearly."""
    runs = _runs(text)
    copied = sum(run in _template_runs() for run in runs)
    return bool(runs) and copied >= _COPIED * len(runs)


@cache
def _template_runs() -> frozenset[tuple[str, ...]]:
    """Return every run of words that a template's statements have."""
    package = resources.files("goldenpath.project")
    roots = [package.joinpath("starter")]
    roots += sorted(package.joinpath("templates").iterdir(), key=lambda each: each.name)
    return frozenset(
        run
        for root in roots
        if root.joinpath("compliance").is_dir()
        for file in _files(root.joinpath("compliance"))
        for text in _texts(file)
        for run in _runs(text)
    )


def _files(folder: Traversable) -> Iterator[Traversable]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _files(entry)
        elif entry.name.endswith((".md", ".yaml")) and entry.name != "thresholds.yaml":
            yield entry


def _texts(file: Traversable) -> Iterator[str]:
    content = file.read_text("utf-8")
    try:
        if file.name.endswith(".md"):
            yield front_matter(content, file.name)[1]
        else:
            values = parse_statement(content, file.name)
            yield from (value for _, value in leaves(values) if isinstance(value, str))
    except InvalidInput:  # a template that cannot be read has no text to compare with
        return


def _runs(text: str) -> list[tuple[str, ...]]:
    words = [word.lower() for word in _MARK.findall(without_comments(text))]
    return [tuple(words[start : start + _RUN]) for start in range(len(words) - _RUN + 1)]
