"""A platform under 500 requests a second: memory, descriptors and threads stay as they are.

`STEADY_SECONDS=1800 python -m bench steady` is the soak of 30 minutes; `make bench` takes two.
Every
process of `goldenpath up` is looked at each second. The first third warms up; then the highest of
the second third is compared with the highest of the last one, process by process.
"""

import os
import re
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.deploy.platform import OneMachine, Up

from bench.measurement import Measurement
from bench.rollout import RATE, load

SECONDS = float(os.environ.get("STEADY_SECONDS", "120"))
GROWTH = 1.05
"""Highest ratio of the memory of the last third to that of the second one."""
_NUMBERS = re.compile(r"^(VmRSS|Threads):\s+(\d+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Usage:
    """What one process has at one moment."""

    memory: int
    """KiB that are resident."""
    descriptors: int
    threads: int


def run() -> Iterator[Measurement]:
    """The load, the processes meanwhile, and what the log holds of it afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        here = OneMachine(Path(folder))
        digest = here.release()
        here.deploy((digest, 100))
        seen: dict[str, list[Usage]] = defaultdict(list)
        with here.up() as up, load(up) as answers:
            answers.until(digest)
            end = time.monotonic() + SECONDS
            while time.monotonic() < end:
                for name, usage in usages(up):
                    seen[name].append(usage)
                time.sleep(1)
        note = f"{answers.answered} requests at {answers.rate:.0f}/s of {RATE}/s"
        yield Measurement(17, "steady: seconds", SECONDS, "s", note=note)
        yield Measurement(17, "steady: failed requests", answers.failed, "1", 0, not answers.failed)
        yield from _changes(seen)


def usages(up: Up) -> Iterator[tuple[str, Usage]]:
    """Yield what `goldenpath up` and each process below it have now, by process."""
    waiting = [up.process.pid]
    while waiting:
        process = Path(f"/proc/{waiting.pop()}")
        with suppress(OSError):  # it has just ended
            children = (process / "task" / process.name / "children").read_text()
            waiting += map(int, children.split())
            numbers = dict(_NUMBERS.findall((process / "status").read_text()))
            words = (process / "cmdline").read_bytes().split(b"\0")
            module = next((w.decode() for w in words if w.startswith(b"goldenpath.")), "up")
            descriptors = sum(1 for _ in (process / "fd").iterdir())
            usage = Usage(int(numbers["VmRSS"]), descriptors, int(numbers["Threads"]))
            yield f"{module} {process.name}", usage


def _changes(seen: Mapping[str, Sequence[Usage]]) -> Iterator[Measurement]:
    longest = max(map(len, seen.values()), default=0)
    for name, usage in sorted(seen.items()):
        third = len(usage) // 3
        if len(usage) < longest * 0.9 or not third:
            yield Measurement(17, f"steady: {name}", None, "1", note="did not run all the time")
            continue
        before, after = usage[third : 2 * third], usage[2 * third :]
        highest = [max(each.memory for each in part) for part in (before, after)]
        ratio, note = highest[1] / highest[0], f"{highest[1] / 1024:.0f} MiB"
        title = f"steady: {name}"
        yield Measurement(17, f"{title}, memory", ratio, "1", GROWTH, ratio <= GROWTH, note)
        for what in ("descriptors", "threads"):
            counts = [max(getattr(each, what) for each in part) for part in (before, after)]
            more = counts[1] - counts[0]
            yield Measurement(17, f"{title}, more {what}", more, "1", 0, more <= 0, f"{counts[1]}")
