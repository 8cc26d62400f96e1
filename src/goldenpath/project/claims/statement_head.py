"""The head of a statement: who answers for it, who approved it, when, and until when it holds."""

import re
from collections.abc import Mapping

from goldenpath.errors import InvalidInput

HEADER = ("owner", "approved_by", "approved_on", "review_by")
FILL = (
    "once that person has read the text, fill it in by goldenpath statements --owner NAME "
    "--approved-by NAME, and commit it"
)
"""The cure of an empty field of the head."""
_PLAIN = re.compile(r"\w[\w.-]*(?: [\w.-]+)*")


def with_head(text: str, head: Mapping[str, str]) -> str:
    """Return a statement whose empty fields of the head are filled; what is written stays.

    Raises `InvalidInput` for a value that YAML would not read as it is.
    """
    for value in head.values():
        if _PLAIN.fullmatch(value) is None:
            raise InvalidInput(f"expected a name of letters, digits and dashes, got {value!r}")
    # Below the front matter of Markdown, a line such as `owner:` is text.
    is_markdown = text.startswith("---\n")
    top, rule, body = text.partition("\n---\n") if is_markdown else (text, "", "")
    for key, value in head.items():
        empty = re.compile(rf"^{key}:[ \t]*(?:#.*)?$", re.MULTILINE)
        top = empty.sub(f"{key}: {value}", top, count=1)
    return f"{top}{rule}{body}"
