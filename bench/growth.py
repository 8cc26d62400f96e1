"""How counts of work grow with the work: at N, 4 N and 16 N, and the exponent between both ends.

An exponent of 0 is constant, 1 is linear. Counts, not seconds: they are the same on every machine.
"""

import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from math import log
from pathlib import Path

import numpy as np
import pytest
from tests.audit.timeline.test_intent_index import processes
from tests.deploy.machine.test_many_deployments import looks_at_servers
from tests.deploy.machine.test_routing import unsettled
from tests.drift.test_category_growth import bytes_held
from tests.observe.log.segments.test_checked_parts import read_again
from tests.observe.log.segments.test_compaction import most_files
from tests.observe.test_growth import most_held
from tests.observe.test_id_filters import files_read
from tests.oci.stores.test_layout import size_of_index, writes_of_the_index
from tests.release.evidence.test_leaks import looked_through
from tests.serve.server.test_batch import most_in_between
from tests.train.evaluation.test_robustness import matrices_made

from bench.measurement import Measurement
from goldenpath.observe.log.request_spans import RequestSpans

TIMES = (1, 4, 16)
_NEARLY_CONSTANT, _NEARLY_LINEAR = 0.1, 1.05


def run() -> Iterator[Measurement]:
    """Every topic of docs/growth.md that has a count."""
    yield from _growth(
        "records that the observer holds of a backlog", 200, partial(_below, most_held)
    )
    yield from _growth("spans that the check of the log keeps", 100_000, _spans)
    for place, work in enumerate(("read all commits", "index them", "say what is live", "follow")):
        yield from _growth(f"processes of git to {work}", 20, partial(_processes, place))
    yield from _growth("segments read to find a prediction", 10, partial(_below, files_read))
    yield from _growth("files of packed segments", 6, _packed)
    yield from _growth(
        "segments of packed files that trace reads again", 4, partial(_below, read_again)
    )
    yield from _growth(
        "rows of a large request while another waits", 1_000, partial(_below, most_in_between)
    )
    yield from _growth("matrices that robustness makes for features", 4, matrices_made)
    yield from _growth(
        "bytes of the index for statements about a release", 3, partial(_below, size_of_index)
    )
    yield from _growth("writes of the index for a release", 3, partial(_below, writes_of_the_index))
    yield from _growth("routes unsettled when one changes", 4, partial(_below, unsettled))
    yield from _growth(
        "looks at servers to start deployments",
        4,
        partial(_below, looks_at_servers),
        _NEARLY_LINEAR,
    )
    yield from _growth(
        "bytes looked through for the lines of secrets", 100, looked_through, _NEARLY_LINEAR
    )
    yield from _growth("bytes that drift holds for codes", 500, bytes_held, _NEARLY_LINEAR)


def _growth(
    name: str, least: int, count: Callable[[int], int], limit: float = _NEARLY_CONSTANT
) -> Iterator[Measurement]:
    counts = [count(least * times) for times in TIMES]
    exponent = log(max(counts[-1], 1) / max(counts[0], 1)) / log(TIMES[-1])
    note = ", ".join(
        f"{number:,} at {least * times:,}" for times, number in zip(TIMES, counts, strict=True)
    )
    yield Measurement(17, f"{name}, exponent", exponent, "1", limit, exponent <= limit, note)


def _below(work: Callable[[Path, int], int], count: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        return work(Path(folder), count)


def _processes(place: int, commits: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        return processes(Path(folder), commits, pytest.MonkeyPatch())[place]


def _packed(segments: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        return most_files(Path(folder), segments)[0]


def _spans(requests: int) -> int:
    spans = RequestSpans()
    for first in range(0, requests, 1_000):
        spans.add_numbers(np.arange(first, first + 1_000))
    return len(list(spans))
