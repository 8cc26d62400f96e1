"""How much the tests do: little in `make test`, everything in `make full`.

`make full` finds the files that need it by the line `from tests.sizes import`, so only test files
have that line. `tests/test_sizes.py` proves that it finds every one.
"""

import os
from collections.abc import Iterable

import pytest
from hypothesis import settings

FULL = os.environ.get("GOLDENPATH_TEST_SIZE", "small") == "full"
"""Whether more examples, more seeds and longer runs are wanted."""
_NUMBERS = ("FULL", "at_size", "examples")
"""What does more at the full size, in tests that also run at the small one."""


def at_size(small: int, full: int) -> int:
    """The number of this run."""
    return full if FULL else small


def examples(small: int, full: int) -> settings:
    """How many examples hypothesis makes; no example has a limit of time, and none is kept."""
    return settings(max_examples=at_size(small, full), deadline=None, database=None)


def full_size(small: str) -> pytest.MarkDecorator:
    """Mark a test for `make full` alone; `small` names the one that `make test` has instead."""
    return pytest.mark.full(small)


def is_wanted(names: Iterable[str], *, is_marked: bool, full: bool = FULL) -> bool:
    """Whether a test runs at this size; `names` are those of its module.

    At the full size a file that only marks tests runs those alone: its others are in `make test`.
    """
    known = set(names)
    if not full:
        return not is_marked
    return is_marked or "full_size" not in known or not known.isdisjoint(_NUMBERS)


def of_this_size(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take out the tests that the other size runs."""
    wanted, others = list[pytest.Item](), list[pytest.Item]()
    for item in items:
        names = vars(item.module) if isinstance(item, pytest.Function) else ()
        is_marked = item.get_closest_marker("full") is not None
        (wanted if is_wanted(names, is_marked=is_marked) else others).append(item)
    if others:
        items[:] = wanted
        config.hook.pytest_deselected(items=others)
