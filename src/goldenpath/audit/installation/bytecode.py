"""Compiled bytecode beside its source: Python runs it instead, so it must say the same.

A cache whose header fits its source is run without a look at that source. Its code is therefore
compared with what this interpreter makes of the source. Reading it gives nobody more power than
they have: who can write it has it run by the next import.
"""

import importlib.util
import marshal
import re
from pathlib import Path
from types import CodeType

_CACHE = re.compile(r"(?P<stem>.+)\.(?P<tag>[a-z]+-\d+)(\.opt-(?P<level>[12]))?\.pyc")
_HEADER = 16
MAX_BYTECODE = 16 * 1024 * 1024


def is_cache(path: str) -> bool:
    """Whether a path is that of compiled bytecode in its folder."""
    parts = path.split("/")
    return len(parts) > 1 and parts[-2] == "__pycache__" and bool(_CACHE.fullmatch(parts[-1]))


def source_of(path: str) -> str:
    """The path of the source that a cache belongs to."""
    parts = path.split("/")
    match = _CACHE.fullmatch(parts[-1])
    return "/".join([*parts[:-2], f"{match['stem'] if match else parts[-1]}.py"])


def agrees(cache: Path, source: Path) -> bool | None:
    """Whether a cache is the code of its source; None if another interpreter made it."""
    match = _CACHE.fullmatch(cache.name)
    with cache.open("rb") as file:
        content = file.read(MAX_BYTECODE + 1)
    if match is None or len(content) > MAX_BYTECODE:
        return False
    if content[:4] != importlib.util.MAGIC_NUMBER:
        return None
    try:
        code = marshal.loads(content[_HEADER:])  # noqa: S302 - see the docstring of this module
        expected = compile(
            source.read_bytes(), str(source), "exec", dont_inherit=True,
            optimize=int(match["level"] or 0),
        )  # fmt: skip
    except (EOFError, ValueError, TypeError, SyntaxError):
        return False
    return isinstance(code, CodeType) and code == expected
