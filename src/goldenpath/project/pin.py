"""Writes the digest of data into `goldenpath.toml`, and leaves every other letter as it was."""

import re
from pathlib import Path

import msgspec

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.files import write_whole
from goldenpath.parsers.toml_parser import parse_toml
from goldenpath.parsers.typed import typed
from goldenpath.project.meaning import FILE
from goldenpath.project.text import read_text

_DIGEST = re.compile(r"^digest[ \t]*=.*$", re.MULTILINE)


def pin(root: Path, name: str, digest: Digest) -> bool:
    """Pins the data `name`; False if they were pinned so already.

    Raises `InvalidInput` if the file does not have them as a table `[data.NAME]`.
    """
    path = root / FILE
    text = read_text(path)
    table = re.search(
        rf"^\[data\.{re.escape(name)}\][^\n]*\n(.*?)(?=^\[|\Z)", text, re.MULTILINE | re.DOTALL
    )
    if table is None:
        raise InvalidInput(
            f"{FILE} has no table [data.{name}]", hint=f'write digest = "{digest}" there yourself'
        )
    line, body = f'digest = "{digest}"', table[1]
    changed = _DIGEST.sub(line, body, count=1) if _DIGEST.search(body) else f"{line}\n{body}"
    if changed == body:
        return False
    text = text[: table.start(1)] + changed + text[table.end(1) :]
    if _pinned(text, name) != digest.text:
        raise InvalidInput(f"{FILE} cannot be changed here: write {line} yourself")
    write_whole(path, text.encode(), path.stat().st_mode & 0o777)
    return True


class _Pinned(msgspec.Struct):
    """What a source of data says about itself; everything else is read by `load`."""

    digest: str = ""


class _Declaration(msgspec.Struct):
    data: dict[str, _Pinned] = {}


def _pinned(text: str, name: str) -> str:
    declaration = typed(parse_toml(text.encode(), FILE), _Declaration, FILE)
    return declaration.data.get(name, _Pinned()).digest
