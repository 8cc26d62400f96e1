"""A model of 5 GB, packed, pushed, pulled and verified: memory, and how often each byte is read.

Every step is a process of its own, whose peak is its own. The model is a sparse file, so that the
disk holds three copies at most: layout, registry, second layout. Others may use the machine; what
is measured here, memory and bytes read, does not depend on them.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.measurement import Measurement
from bench.supply import copied, packed, registry, verified
from goldenpath.oci.reference import Reference
from goldenpath.oci.stores.connect import connect
from goldenpath.oci.stores.layout import LayoutStore

SIZE = 5_000_000_000
LIMIT = 200
"""MB of memory."""


def run(size: int = SIZE) -> Iterator[Measurement]:
    """Peak memory of each step, and bytes that it read from files, as multiples of the model."""
    if shutil.which("docker-registry") is None:
        yield Measurement(3, "5 GB model", None, "MB", LIMIT, None, "docker-registry is absent")
        return
    with tempfile.TemporaryDirectory(prefix="goldenpath-bench-") as name:
        folder = Path(name)
        _make(folder / "outputs" / "model.onnx", size)
        with registry(folder / "registry") as host:
            for step in ("pack", "push", "pull", "verify"):
                yield from _measured(step, folder, host, size)


def _measured(step: str, folder: Path, host: str, size: int) -> Iterator[Measurement]:
    command = [sys.executable, "-m", "bench.big", step, str(folder), host]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    said = json.loads(done.stdout)
    peak, read = said["peak"] / 1000, said["read"] / size
    note = f"{said['seconds']:.1f} s, {said['cpu']:.1f} s CPU"
    name = f"{step} {size / 1e9:g} GB"
    yield Measurement(3, f"{name}, memory", peak, "MB", LIMIT, peak < LIMIT, note)
    yield Measurement(3, f"{name}, bytes read from files / model", read, "1", 1.01, read <= 1.01)


def _make(path: Path, size: int) -> None:
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        for start in range(0, size, 1_000_000):
            file.seek(start)
            file.write(start.to_bytes(8, "big"))
        file.truncate(size)


def _step(step: str, folder: Path, host: str) -> None:
    here, there = LayoutStore(folder / "one"), LayoutStore(folder / "two")
    remote = connect("oci", Reference.parse(f"{host}/bench"), os.environ)
    match step:
        case "pack":
            packed(here, folder / "outputs" / "model.onnx")
        case "push":
            copied(here, remote, here.resolve("one"))
        case "pull":
            copied(remote, there, here.resolve("one"))
        case _:
            verified(there, here.resolve("one"))


def main() -> None:
    """One step in this process; prints what it took."""
    _step(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
    status = dict(line.split(":", 1) for line in _lines("status"))
    times = os.times()
    said = {
        # Not `ru_maxrss`: that one is inherited from whoever started the process.
        "peak": int(status["VmHWM"].split()[0]) * 1.024,
        "read": int(dict(line.split(":", 1) for line in _lines("io"))["rchar"]),
        "seconds": times.elapsed - _started(times.elapsed),
        "cpu": times.user + times.system,
    }
    print(json.dumps(said))


def _lines(name: str) -> list[str]:
    return Path(f"/proc/self/{name}").read_text().splitlines()


def _started(now: float) -> float:
    """When this process began, on the clock of `os.times`."""
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    return now - (uptime - ticks / os.sysconf("SC_CLK_TCK"))


if __name__ == "__main__":
    main()
