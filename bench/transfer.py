"""Push and pull against `oras`, with docker-registry on loopback: one file of 2 GB, 2,000 of 1 MB.

Both programs are processes that copy between the same layout and the same registry, by turns and
in changing order; ours runs twice in every round, and how far those two differ says what a ratio is
worth. Wall time and CPU time of the program, without the registry's. Ours leaves everything on the
disk for good; so what `oras` pulled is synced too in one of the two comparisons.
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Literal

from bench.measurement import Measurement
from bench.supply import SIZE, find_tool, make_many, make_model, packed, registry
from goldenpath.oci.copy import copy
from goldenpath.oci.descriptor import Descriptor
from goldenpath.oci.reference import Reference
from goldenpath.oci.stores.connect import connect
from goldenpath.oci.stores.layout import LayoutStore

MANY = 2_000
ROUNDS = 3
Direction = Literal["push", "pull"]
ORDERS = (
    ("ours", "oras", "again"),
    ("oras", "ours", "again"),
    ("again", "ours", "oras"),
)


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds of one run."""

    wall: float
    cpu: float
    sync: float = 0.0
    """Then, until what was written was on the disk."""


def run(size: int = SIZE, rounds: int = ROUNDS) -> Iterator[Measurement]:
    """The ratios of both directions for both kinds of content."""
    oras = find_tool("oras")
    if shutil.which("docker-registry") is None or oras is None:
        reason = "docker-registry or oras is absent"
        yield Measurement(3, "push and pull / oras", None, "1", 1, None, reason)
        return
    with tempfile.TemporaryDirectory(prefix="goldenpath-bench-") as name:
        folder = Path(name)
        store = LayoutStore(folder / "one")
        make_model(folder / "model.onnx", size)
        image = packed(store, folder / "model.onnx").image
        (folder / "model.onnx").unlink()
        yield from _against(folder, image, f"one file of {size / 1e9:g} GB", oras, rounds)
        shutil.rmtree(folder / "one")
        number = max(2, MANY * size // SIZE)
        image = make_many(LayoutStore(folder / "one"), number)
        yield from _against(folder, image, f"{number} files of 1 MB", oras, rounds)


def _against(
    folder: Path, image: Descriptor, what: str, oras: str, rounds: int
) -> Iterator[Measurement]:
    took: dict[tuple[str, Direction], list[Took]] = {}
    for number in range(rounds):
        for program in ORDERS[number % len(ORDERS)]:
            with registry(folder / "registry") as host:
                for direction, command in _commands(program, folder, image, host, oras).items():
                    took.setdefault((program, direction), []).append(
                        _run(command, folder / "pulled" if direction == "pull" else None)
                    )
            shutil.rmtree(folder / "registry")
            shutil.rmtree(folder / "pulled")
    for direction in ("push", "pull"):
        ours, oras_took = took["ours", direction], took["oras", direction]
        yield _ratio(f"{direction} {what} / oras", ours, oras_took, took["again", direction])
        if direction == "pull":
            synced = [Took(each.wall + each.sync, each.cpu) for each in oras_took]
            yield _ratio(f"pull {what} / (oras + sync)", ours, synced, took["again", direction])


def _ratio(
    name: str, ours: Sequence[Took], theirs: Sequence[Took], again: Sequence[Took]
) -> Measurement:
    ratios = [a.wall / b.wall for a, b in zip(ours, theirs, strict=True)]
    alike = sorted(a.wall / b.wall for a, b in zip(ours, again, strict=True))
    cpu = median(each.cpu for each in ours), median(each.cpu for each in theirs)
    wall = median(each.wall for each in ours), median(each.wall for each in theirs)
    note = (
        f"{wall[0]:.1f} s against {wall[1]:.1f} s, CPU {cpu[0]:.1f} s against {cpu[1]:.1f} s, "
        f"ours / ours {alike[0]:.2f} to {alike[-1]:.2f}"
    )
    value = median(ratios)
    return Measurement(3, name, value, "1", 1, value <= 1, note)


def _commands(
    program: str, folder: Path, image: Descriptor, host: str, oras: str
) -> Mapping[Direction, list[str]]:
    if program == "oras":
        source = f"{folder / 'one'}@{image.digest}"
        target = f"{host}/bench:v1"
        return {
            "push": [oras, "copy", "--from-oci-layout", "--to-plain-http", source, target],
            "pull": [
                oras, "copy", "--from-plain-http", "--to-oci-layout", target,
                f"{folder / 'pulled'}:v1",
            ],
        }  # fmt: skip
    ours = [
        sys.executable,
        "-m",
        "bench.transfer",
        str(folder),
        image.digest.text,
        host,
    ]
    return {"push": [*ours, "push"], "pull": [*ours, "pull"]}


def _run(command: Sequence[str], written: Path | None) -> Took:
    os.sync()
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    start = time.perf_counter()
    for path in () if written is None else written.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
    return Took(wall, cpu, time.perf_counter() - start)


def main() -> None:
    """One copy in this process: `FOLDER DIGEST HOST push|pull`."""
    folder, digest, host, direction = sys.argv[1:]
    remote = connect("oci", Reference.parse(f"{host}/bench"), os.environ)
    source, target = (
        LayoutStore(Path(folder) / "one"),
        LayoutStore(Path(folder) / "pulled"),
    )
    if direction == "push":
        image = source.resolve(digest)
        copy(source, remote, image, referrers=False)
        remote.tag("v1", image)
    else:
        image = remote.resolve("v1")
        copy(remote, target, image, referrers=False)
        target.tag("v1", image)


if __name__ == "__main__":
    main()
