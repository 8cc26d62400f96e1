"""`make bench`: runs every benchmark, prints a table and writes `build/bench.json`.

Asserts nothing. Figures are ratios within one run where they can be; the A/A control says how far
two equal runs differ on this machine now, and so what a ratio is worth.
"""

import importlib
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from statistics import median

from bench.measurement import Measurement

MODULES = (
    "startup",
    "training",
    "gates",
    "supply",
    "verifying",
    "big",
    "transfer",
    "gitops",
    "reconcile",
    "inventory",
    "console",
    "cluster_files",
    "cluster_sync",
    "serving",
    "scoring",
    "content",
    "record",
    "soak",
    "gateway",
    "rollout",
    "steady",
    "stages",
    "judge",
    "drift",
    "alarms",
    "growth",
    "long_log",
    "long_history",
)
OUTPUT = Path("build") / "bench.json"


def control() -> Iterator[Measurement]:
    """The same fixed work timed in pairs: the spread of the ratio on an otherwise equal footing."""
    ratios = []
    for _ in range(8):
        first, second = _work(), _work()
        ratios.append(first / second)
    ratios.sort()
    yield Measurement(2, "A/A control, median ratio", median(ratios), "1")
    yield Measurement(
        2,
        "A/A control, spread",
        ratios[-1] - ratios[0],
        "1",
        note="ratios nearer to 1 than half of this mean nothing",
    )


def _work() -> float:
    start = time.perf_counter()
    sum(number * number for number in range(400_000))
    return time.perf_counter() - start


def machine() -> str:
    """Processor, cores and Python, so that a figure can be placed."""
    info = Path("/proc/cpuinfo")
    names = (
        [
            line.split(":")[1].strip()
            for line in info.read_text().splitlines()
            if "model name" in line
        ]
        if info.exists()
        else []
    )
    name = names[0] if names else platform.processor()
    return f"{name}, {os.cpu_count()} cores, Python {platform.python_version()}"


def collect(names: tuple[str, ...]) -> Iterator[Measurement]:
    """Every measurement of the named modules, those that exist here."""
    yield from control()
    for name in names:
        if not (Path(__file__).parent / f"{name}.py").exists():
            continue
        try:
            yield from importlib.import_module(f"bench.{name}").run()
        except (OSError, subprocess.SubprocessError) as error:
            yield Measurement(2, name, None, "", note=f"not measured: {error}")


def main() -> None:
    """Runs the modules named on the command line, or all."""
    print(machine())
    rows: list[dict[str, object]] = []
    for each in collect(tuple(sys.argv[1:]) or MODULES):
        verdict = {True: "holds", False: "missed", None: ""}[each.holds]
        goal = "" if each.goal is None else f"goal {each.goal:g}"
        value = "-" if each.value is None else f"{each.value:.4g}"
        print(f"{each.name:64} {value:>12} {each.unit:10} {goal:14} {verdict:8} {each.note}")
        sys.stdout.flush()
        rows.append(asdict(each) | {"machine": machine()})
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(json.dumps(rows, indent=2) + "\n")
    print(f"written to {OUTPUT}")


if __name__ == "__main__":
    main()
