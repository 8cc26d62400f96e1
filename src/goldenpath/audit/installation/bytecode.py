"""The check of cached bytecode against its source.

Python runs a cache instead of the source if the header of the cache fits. So the code in the cache
is compared with what this interpreter compiles from the source. Unmarshalling the cache adds no
risk: whoever can write it can already have it run by the next import.
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
    """Whether the path is a bytecode file in a `__pycache__` folder."""
    parts = path.split("/")
    return len(parts) > 1 and parts[-2] == "__pycache__" and bool(_CACHE.fullmatch(parts[-1]))


def source_of(path: str) -> str:
    """Return the path of the source file of a cache."""
    parts = path.split("/")
    match = _CACHE.fullmatch(parts[-1])
    return "/".join([*parts[:-2], f"{match['stem'] if match else parts[-1]}.py"])


def agrees(cache: Path, source: Path) -> bool | None:
    """Whether the cache matches its source. None if another version of Python compiled it."""
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
