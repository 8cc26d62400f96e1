"""Writes path and digest of data into `goldenpath.toml`, and changes nothing else in the file."""

import re
from pathlib import Path

import msgspec

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.files import write_whole
from goldenpath.parsers.toml_parser import parse_toml
from goldenpath.parsers.toml_text import quoted
from goldenpath.parsers.typed import typed
from goldenpath.project.spec import FILE
from goldenpath.project.text import read_text


def pin(root: Path, name: str, digest: Digest) -> bool:
    """Pin the data `name`. Returns whether the file changed.

    Raises `InvalidInput` if the file has no table `[data.NAME]`, or if it cannot be edited safely.
    """
    path = root / FILE
    text = read_text(path)
    changed = pinned(text, name, digest)
    if changed == text:
        return False
    write_whole(path, changed.encode(), path.stat().st_mode & 0o777)
    return True


def pinned(text: str, name: str, digest: Digest, path: str = "") -> str:
    """Return the text of a declaration with the data `name` pinned, and kept at `path` if given.

    Raises `InvalidInput` as `pin` does.
    """
    table = re.search(
        rf"^\[data\.{re.escape(name)}\][^\n]*\n(.*?)(?=^\[|\Z)", text, re.MULTILINE | re.DOTALL
    )
    if table is None:
        raise InvalidInput(
            f"{FILE} has no table [data.{name}]",
            hint=f'write digest = "{digest}" where the data are declared',
        )
    body = _with_line(table[1], "digest", digest.text)
    if path:
        body = _with_line(body, "path", path)
    text = text[: table.start(1)] + body + text[table.end(1) :]
    # The text was edited without a TOML parser: the result counts only if a parser agrees.
    parsed = typed(parse_toml(text.encode(), FILE), _Declaration, FILE).data.get(name)
    if parsed is None or parsed.digest != digest.text or path not in ("", parsed.path):
        where = f" and path = {quoted(path)}" if path else ""
        raise InvalidInput(
            f"{FILE} cannot be edited automatically",
            hint=f'write digest = "{digest}"{where} in [data.{name}]',
        )
    return text


def _with_line(body: str, key: str, value: str) -> str:
    line, known = f"{key} = {quoted(value)}", re.compile(rf"^{key}[ \t]*=.*$", re.MULTILINE)
    # A function, since a text would be read as a pattern, with its own meaning of a backslash.
    return known.sub(lambda _: line, body, count=1) if known.search(body) else f"{line}\n{body}"


class _PinnedData(msgspec.Struct):
    """Where one source of data is, and its digest. `load` reads all other keys."""

    path: str = ""
    digest: str = ""


class _Declaration(msgspec.Struct):
    data: dict[str, _PinnedData] = {}
