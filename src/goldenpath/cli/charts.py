"""Small charts in block characters, for a terminal. Programs and files get the numbers alone."""

import math
import sys
from collections.abc import Sequence

_HEIGHTS = " ▁▂▃▄▅▆▇█"
_WIDTHS = " ▏▎▍▌▋▊▉█"


def has_charts() -> bool:
    """Whether standard output is a terminal that can show block characters."""
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    return sys.stdout.isatty() and encoding.startswith("utf")


def spark_line(values: Sequence[float]) -> str:
    """Return a letter for each value, its height in proportion to the largest one.

    What is more than nothing is visible; what is no number is a question mark.
    """
    largest = max((value for value in values if math.isfinite(value)), default=0.0)
    return "".join(_height(value, largest) for value in values)


def _height(value: float, largest: float) -> str:
    if not math.isfinite(value):
        return "?"
    if value <= 0 or largest <= 0:
        return _HEIGHTS[0]
    return _HEIGHTS[max(1, round(value / largest * 8))]


def share_bar(share: float, width: int = 10) -> str:
    """Return a bar of `width` letters that is full at a share of 1, and stays full above it."""
    if not math.isfinite(share):
        return "?".ljust(width)
    eighths = round(min(max(share, 0.0), 1.0) * width * 8)
    whole, rest = divmod(eighths, 8)
    return ("█" * whole + (_WIDTHS[rest] if rest else "")).ljust(width)
