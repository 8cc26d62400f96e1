"""Finds every `goldenpath …` command that a text names, and parses it with the real options."""

import ast
import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path

import click

from goldenpath.cli.families import VERBS, command_of

VALUE = "VALUE"
"""Stands for whatever an f-string puts into its text."""
_COMMAND = re.compile(r"(?<![\w/.-])goldenpath +(?=[a-z])([^\n`|&;#,()]*)")
_PROSE = re.compile(r"[a-z]+[:.]?")
"""A plain word: where a command stands in a sentence, the first of them ends it."""


def texts_of(source: str) -> Iterator[str]:
    """Every string of a module, with `VALUE` where an f-string has an expression."""
    parts = set[int]()
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts |= {id(value) for value in node.values}
            yield "".join(
                str(value.value) if isinstance(value, ast.Constant) else VALUE
                for value in node.values
            )
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            yield node.value


def code_of(page: str) -> Iterator[str]:
    """What a page shows as code: lines of blocks, and words between backticks."""
    for block in re.findall(r"^```.*?$(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        yield from block.splitlines()
    yield from re.findall(r"`([^`\n]+)`", page)


def calls_in(text: str) -> Iterator[tuple[str, ...]]:
    """The words after `goldenpath` of each command in a text, without the prose around it."""
    for rest in _COMMAND.findall(" ".join(text.split(" "))):
        yield tuple(_words([token.rstrip(".:") or token for token in rest.split()]))


def _words(tokens: Sequence[str]) -> Iterator[str]:
    """Verb and sub-verb, then everything up to the first plain word that is no option's value."""
    command: click.Command | None = None
    wants_value = False
    for token in tokens:
        if command is None:
            command = command_of(token) if token in VERBS else click.Command("?")
        elif isinstance(command, click.Group) and token in command.commands:
            command = command.commands[token]
        elif token.startswith("-"):
            wants_value = _takes_value(command, token)
        elif wants_value or not _PROSE.fullmatch(token):
            wants_value = False
        else:
            return
        yield token


def _takes_value(command: click.Command, token: str) -> bool:
    return any(
        isinstance(each, click.Option) and token in each.opts and not each.is_flag
        for each in command.params
    )


def fault(call: Sequence[str]) -> str | None:
    """What is wrong with a command, None if it can be typed as it stands.

    A mention of a verb with or without options needs no arguments; a command that has arguments
    needs all of them and every required option.
    """
    verb, words = call[0], list(call[1:])
    if verb not in VERBS:  # "goldenpath itself" is a sentence, "goldenpath promot" is not
        has_option = any(word.startswith("-") for word in words)
        is_misspelled = bool(get_close_matches(verb, VERBS, cutoff=0.8))
        return f"no verb {verb}" if has_option or is_misspelled else None
    command = command_of(verb)
    if isinstance(command, click.Group):
        if not words:
            return None
        default = command.commands.get(_DEFAULTS.get(type(command).__name__, ""))
        if words[0] in command.commands:
            command = command.commands[words.pop(0)]
        elif default is None:
            return f"{verb} has no verb {words[0]}"
        else:
            command = default
    return _fault(command, [word.strip("'\"") for word in words])


_DEFAULTS = {"ListByDefault": "list", "WriteByDefault": "write"}
"""The verb that a group takes if none of its verbs is named."""


def _fault(command: click.Command, words: list[str]) -> str | None:
    options = [each for each in command.params if isinstance(each, click.Option)]
    known = {"--help", "-h"}.union(*(each.opts + each.secondary_opts for each in options))
    for word in words:
        if word.startswith("--") and word.partition("=")[0] not in known:
            return f"{command.name} has no option {word}"
    context = click.Context(command)
    try:
        given, left, _ = command.make_parser(context).parse_args(list(words))
    except click.UsageError as error:
        return None if "requires an argument" in error.message else error.message
    for option in options:
        value = given.get(option.name or "")
        if not isinstance(option.type, click.Choice) or not isinstance(value, str):
            continue
        if value not in {*option.type.choices, VALUE, "…"}:
            return f"{option.opts[0]} is {value}"
    arguments = [each for each in command.params if isinstance(each, click.Argument)]
    if not any(_is_given(given.get(each.name or "")) for each in arguments):
        return None
    missing = [
        each.opts[0]
        for each in (*arguments, *options)
        if each.required and not _is_given(given.get(each.name or ""))
    ]
    extra = [word for word in left if word != VALUE]  # which may hold several words
    return f"{' '.join(missing)} is missing" if missing else "extra words" if extra else None


def _is_given(value: object) -> bool:
    """Whether the parser found a value; it marks an argument that is missing with an object."""
    if isinstance(value, tuple | list):
        return any(isinstance(each, str) for each in value)
    return isinstance(value, str | bool)


def sources(root: Path) -> Iterator[tuple[str, str]]:
    """Every text of the product, its benches and its documentation, with the file that it is in."""
    for folder in ("src", "bench"):
        for path in sorted((root / folder).rglob("*.py")):
            for text in texts_of(path.read_text()):
                if "goldenpath " in text:
                    yield str(path.relative_to(root)), text
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in {".yml", ".yaml", ".toml"} and path.is_file():
                yield str(path.relative_to(root)), path.read_text()
    pages = (*root.glob("*.md"), *(root / "docs").rglob("*.md"), *(root / "src").rglob("*.md"))
    for page in sorted(pages):
        for code in code_of(page.read_text()):
            yield str(page.relative_to(root)), code
