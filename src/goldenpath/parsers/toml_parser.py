"""Reads TOML files, and bounds their depth before `tomllib` sees them.

`tomllib` calls itself for each list in a list, and copies the whole key for each part of a dotted
key. So brackets and dots are counted first, in one pass that skips strings and comments by the
grammar. The pass and `tomllib` agree on what is a string up to the first syntax error. `tomllib`
stops there, so the rest of the file does not matter.
"""

import re
import tomllib
from itertools import accumulate

from goldenpath.canonical import MAX_DEPTH
from goldenpath.errors import InvalidInput

MAX_TOML = 1024 * 1024
"""Bytes of the largest TOML file that people write, 1 MiB."""

# TOML 1.0, sections String and Comment. A multi-line string may end in up to two quotes. A string
# without an end is a fault; it is skipped up to where the match stopped, so one pass is enough.
_SKIPPED = re.compile(
    r'"""(?:[^"\\]|\\.|""?(?!"))*+(?:"{3,5}|\Z|\\)'
    r"|'''(?:[^']|''?(?!'))*+(?:'{3,5}|\Z)"
    r'|"(?:[^"\\\n]|\\.)*+["\n\\]?'
    r"|'[^'\n]*+['\n]?"
    r"|#[^\n]*+",
    re.DOTALL,
)
_NOT_BRACKET = re.compile(r"[^\[\]{}]++")
_BETWEEN_KEYS = re.compile(r"[=,\[\]{}\n]")
_STEP = {"[": 1, "{": 1, "]": -1, "}": -1}


def parse_toml(content: bytes, what: str, *, limit: int = MAX_TOML) -> dict[str, object]:
    """Return the root table of a TOML file; `what` names it in messages. Raises `InvalidInput`."""
    if len(content) > limit:
        raise InvalidInput(
            f"{what} is too large: expected at most {limit} bytes, got {len(content)}",
            hint="remove what is not needed",
        )
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"{what} is not UTF-8: {error.reason} at byte {error.start}", hint="save it as UTF-8"
        ) from error
    if _is_deep(text):
        raise InvalidInput(
            f"{what} is nested too deeply: expected at most {MAX_DEPTH} levels of lists, tables "
            "and parts of a key",
            hint="remove the levels that nothing reads",
        )
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{what} is not valid TOML: {error}") from error


def _is_deep(text: str) -> bool:
    if text.count("[") + text.count("{") + text.count(".") <= MAX_DEPTH:
        return False
    bare = _SKIPPED.sub("s", text)
    if any(key.count(".") >= MAX_DEPTH for key in _BETWEEN_KEYS.split(bare)):
        return True
    brackets = _NOT_BRACKET.sub("", bare)
    return max(accumulate(map(_STEP.__getitem__, brackets)), default=0) > MAX_DEPTH
