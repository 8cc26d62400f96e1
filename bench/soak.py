"""Minutes of a server with a model as code under faults: `python -m bench soak`."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.serve.soak import Soak

from bench.measurement import Measurement

SECONDS = float(os.environ.get("SOAK_SECONDS", "60"))


def run() -> Iterator[Measurement]:
    """What was done, what came of it."""
    with tempfile.TemporaryDirectory() as name:
        verdict = Soak(Path(name), seed=os.getpid()).run(SECONDS, pause=2.0)
    seen = verdict.seen
    done = ", ".join(f"{count} x {what}" for what, count in sorted(seen.faults.items()))
    yield Measurement(5, "soak: seconds", SECONDS, "s", note=done)
    for status, count in sorted(seen.statuses.items()):
        yield Measurement(5, f"soak: answers with status {status}", count, "1")
    yield Measurement(5, "soak: requests hung up on", seen.aborted, "1")
    yield Measurement(5, "soak: requests cut by a killed server", seen.broken, "1")
    wrong, missing = len(seen.wrong), sum(each.missing for each in verdict.report.replicas)
    yield Measurement(5, "soak: wrong answers", wrong, "1", 0, wrong == 0)
    yield Measurement(5, "soak: request numbers missing", missing, "1", 0, missing == 0)
    yield Measurement(5, "soak: answers not in the log", verdict.unlogged, "1")
    silent = max(0, verdict.unlogged - verdict.lost)
    note = f"the log itself counts {verdict.lost} as lost"
    yield Measurement(5, "soak: of them silent", silent, "1", 0, silent == 0, note)
    yield Measurement(
        5, "soak: the log holds", float(verdict.report.holds), "1", 1, verdict.report.holds
    )
