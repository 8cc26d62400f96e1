"""Writes the digest of data into `goldenpath.toml`, and changes nothing else in the file."""

import re
from pathlib import Path

import msgspec

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.files import write_whole
from goldenpath.parsers.toml_parser import parse_toml
from goldenpath.parsers.typed import typed
from goldenpath.project.spec import FILE
from goldenpath.project.text import read_text

_DIGEST = re.compile(r"^digest[ \t]*=.*$", re.MULTILINE)


def pin(root: Path, name: str, digest: Digest) -> bool:
    """Pin the data `name`. Returns whether the file changed.

    Raises `InvalidInput` if the file has no table `[data.NAME]`, or if it cannot be edited safely.
    """
    path = root / FILE
    text = read_text(path)
    table = re.search(
        rf"^\[data\.{re.escape(name)}\][^\n]*\n(.*?)(?=^\[|\Z)", text, re.MULTILINE | re.DOTALL
    )
    if table is None:
        raise InvalidInput(
            f"{FILE} has no table [data.{name}]",
            hint=f'write digest = "{digest}" where the data are declared',
        )
    line, body = f'digest = "{digest}"', table[1]
    changed = _DIGEST.sub(line, body, count=1) if _DIGEST.search(body) else f"{line}\n{body}"
    if changed == body:
        return False
    text = text[: table.start(1)] + changed + text[table.end(1) :]
    # The text was edited without a TOML parser: the result counts only if a parser agrees.
    if _pinned_digest(text, name) != digest.text:
        raise InvalidInput(
            f"{FILE} cannot be edited automatically", hint=f"write {line} in [data.{name}]"
        )
    write_whole(path, text.encode(), path.stat().st_mode & 0o777)
    return True


class _PinnedData(msgspec.Struct):
    """The digest of one source of data. `load` reads all other keys."""

    digest: str = ""


class _Declaration(msgspec.Struct):
    data: dict[str, _PinnedData] = {}


def _pinned_digest(text: str, name: str) -> str:
    declaration = typed(parse_toml(text.encode(), FILE), _Declaration, FILE)
    return declaration.data.get(name, _PinnedData()).digest
