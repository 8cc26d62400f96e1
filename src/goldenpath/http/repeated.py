"""Heads of HTTP requests that are like one that was read before: compared, not parsed again.

Most clients send one head again and again with another trace, subject or length in it. A form that
was seen often becomes a pattern: what is around such values has to be the same to the byte, and the
values have to be such as a parser would take in that place (RFC 9112, section 11.2).
"""

import re
from collections import Counter
from collections.abc import Mapping

OFTEN = 8
"""Times that a form is seen before it becomes a pattern, which takes as long as ten requests."""
MOST_PATTERNS = 64
MOST_SEEN = 256
LONGEST = 4096
"""Bytes of a head; a longer one is parsed each time."""
PATIENCE = 32
"""Forms of one client after which it is believed to have a new one each time."""

# A quantifier with a plus gives nothing back, so no head takes long to be found different.
TEXT = rb"[ \t]*+([\t -~\x80-\xff]*+)"
"""A value with whatever blanks are in it and behind it."""
WORD = rb"[ \t]*+([!-~\x80-\xff]++)"
LENGTH = rb"[ \t]*+(0|[1-9][0-9]{0,11}+)"

Pattern = re.Pattern[bytes]


class Patterns:
    """Patterns of the heads that the clients of one process use; bounded, first come first served.

    Each pattern has a group for every value that may differ.
    """

    def __init__(self, values: Mapping[bytes, bytes]) -> None:
        """From regular expressions by the name of their header, in the spelling it is met in."""
        self._values = values
        self._seen = Counter[bytes]()
        self._known: dict[bytes, Pattern] = {}

    def of(self, whole: bytes) -> tuple[Pattern | None, tuple[bytes, ...]]:
        """The pattern of a head with its empty line, if there is one by now, and its names."""
        if len(whole) > LONGEST:
            return None, ()
        first, *lines = whole.split(b"\r\n")[:-2]
        parts, names = [re.escape(first)], []
        for line in lines:
            name = line.partition(b":")[0]
            value = self._values.get(name)
            if value is None:
                parts.append(re.escape(line))
            else:
                names.append(name)
                parts.append(re.escape(name) + b":" + value)
        source = rb"\r\n".join([*parts, rb"\r\n"])
        return (self._pattern(source) if names else None), tuple(names)

    def _pattern(self, source: bytes) -> Pattern | None:
        known = self._known.get(source)
        if known is not None or len(self._known) >= MOST_PATTERNS:
            return known
        self._seen[source] += 1
        if self._seen[source] >= OFTEN:
            del self._seen[source]
            self._known[source] = known = re.compile(source)
        elif len(self._seen) > MOST_SEEN:
            self._seen.clear()
        return known
