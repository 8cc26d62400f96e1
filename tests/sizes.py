"""How much the tests do: little in `make test`, everything in `make full`."""

import os

from hypothesis import settings

FULL = os.environ.get("GOLDENPATH_TEST_SIZE", "small") == "full"
"""Whether more examples, more seeds and longer runs are wanted."""


def at_size(small: int, full: int) -> int:
    """The number of this run."""
    return full if FULL else small


def examples(small: int, full: int) -> settings:
    """How many examples hypothesis makes; no example has a limit of time, and none is kept."""
    return settings(max_examples=at_size(small, full), deadline=None, database=None)
