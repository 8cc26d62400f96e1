"""A long history of commits: what the index costs that answers `at`.

AT_COMMITS names how many commits are made, by `git fast-import`; 2,000 by default. 100,000 take
some minutes, most of them for the index that is made once.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.audit.platform import Grounds
from tests.audit.timeline.test_intent_index import FAR, PLACES, add, opened

from bench.measurement import Measurement
from goldenpath.settings import project_environment

COMMITS = int(os.environ.get("AT_COMMITS", "2000"))


def run() -> Iterator[Measurement]:
    """Every figure."""
    with tempfile.TemporaryDirectory() as folder:
        grounds = Grounds(Path(folder), project_environment(os.environ, "python3"))
        head = add(grounds, COMMITS)
        made = _timed(lambda: opened(grounds, head))
        yield Measurement(
            16, "at: make the index of commits", made, "s", note=f"{COMMITS:,} commits"
        )
        asked = _timed(lambda: _asked(grounds, head))
        note = f"{COMMITS:,} commits; the last one of each deployment, without the start of Python"
        yield Measurement(16, "at: ask the index of commits", asked, "s", 0.5, asked < 0.5, note)


def _asked(grounds: Grounds, head: str) -> None:
    intents = opened(grounds, head)
    for place in PLACES:
        if next(iter(intents.newest_first(place, FAR)), None) is None:
            raise OSError(f"no commit is known of {'/'.join(place)}")


def _timed(act: Callable[[], object]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start
