"""What the full prediction log costs: CPU a record, the tail of latency; and two replicas for one.

The tail is measured with an open loop: requests are due at fixed times, whether the ones before
were answered or not, and late ones count from when they were due.
"""

import asyncio
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import numpy as np
import uvloop

from bench.measurement import Measurement
from bench.peers import Served, tensor
from bench.serving import ROWS, WIDTH, _launch, _observer, _ours
from goldenpath.observe.log.prediction_log import PredictionLog
from goldenpath.observe.log.release_parts import Releases
from goldenpath.observe.log.spool_tail import Tail
from goldenpath.observe.log.subject_keys import Subjects
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.processes.launch import ServerConfiguration
from goldenpath.release.attest.keys import generate_key
from goldenpath.serve.record.spool import SpoolWriter
from goldenpath.serve.record.spool_format import SPOOL_VERSION, SpoolHeader
from goldenpath.serve.record.turn_frame import render_turn

RECORDS, RATE, SECONDS, ROUNDS, CONNECTIONS = 20_000, 1000, 3.0, 7, 16


def run() -> Iterator[Measurement]:
    """Every figure."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        launch = _launch(folder)
        yield from _records(folder / "records", launch)
        yield from _tail(folder, launch, stack)
        yield from _replicas(folder, launch, stack)


def _records(folder: Path, launch: ServerConfiguration) -> Iterator[Measurement]:
    """CPU of writing a record down, and of all that makes it part of the log; the best of some."""
    found = [_record(folder / str(number), launch) for number in range(5)]
    written, sealed = (min(each) for each in zip(*found, strict=True))
    yield Measurement(5, "log: CPU of the server, one write a record", written, "us")
    yield Measurement(5, "log: CPU of the sealer a record", sealed, "us")
    total = written + sealed
    yield Measurement(5, "log: CPU a record in all", total, "us", 15, total <= 15)


def _record(folder: Path, launch: ServerConfiguration) -> tuple[float, float]:
    """Microseconds of the server, and of the sealer."""
    random = np.random.default_rng(1)
    payloads = [
        render_turn(
            place,
            (time.time_ns() - time.monotonic_ns(), time.monotonic_ns(), 9_000),
            ([os.urandom(16).hex()], [time.monotonic_ns() - 90_000], [1], [row], [b"\0" * 4]),
            b"",
        )
        for place, row in enumerate(map(bytes, random.random((RECORDS, WIDTH), np.float32)))
    ]
    names = [f"f{place}" for place in range(WIDTH)]
    header = SpoolHeader(
        SPOOL_VERSION, "bench", "credit", launch.slot, launch.digest, "one", names, 1
    )
    spool = SpoolWriter(folder / "spool", header, report=print)
    start = time.process_time()
    for place, payload in enumerate(payloads):
        spool.append(payload, place, 1, 0)
    written = (time.process_time() - start) / RECORDS * 1e6
    spool.close()
    subjects, signer = Subjects(folder / "keys"), generate_key(folder / "keys" / "log.pem")
    facts = Releases(LayoutStore(Path(launch.source.path)), print)
    facts(launch.digest)
    log = PredictionLog(folder / "predictions", subjects, signer, facts)
    now = datetime.now(UTC)
    start = time.process_time()
    for batch in Tail(folder / "spool", log.resume, print).batches():
        log.add(batch, 0.0)
    for path in log.waiting():
        log.seal(path, now)
    sealed = (time.process_time() - start) / RECORDS * 1e6
    subjects.close()
    return written, sealed


def _tail(folder: Path, launch: ServerConfiguration, stack: ExitStack) -> Iterator[Measurement]:
    """The 99th percentile at 1,000 requests a second, with everything written down and without."""
    stack.enter_context(_observer(folder / "home", launch.source.path, "1"))
    logged = stack.enter_context(_ours(launch, "logged", str(folder / "home" / "spool")))
    silent = stack.enter_context(_ours(launch, "silent", ""))
    found: dict[str, list[float]] = {"logged": [], "silent": []}
    uvloop.run(_open_loop(silent.address))
    for number in range(ROUNDS):
        pairs = [("logged", logged), ("silent", silent)]
        for name, server in pairs[:: 1 if number % 2 else -1]:
            found[name].append(uvloop.run(_open_loop(server.address)))
    added = median(a - b for a, b in zip(found["logged"], found["silent"], strict=True))
    for name, values in found.items():
        yield Measurement(5, f"log: p99 at 1,000/s, {name}", median(values), "ms")
    yield Measurement(5, "log: added to p99 at 1,000/s", added, "ms", 1.0, added < 1.0)


async def _open_loop(address: str) -> float:
    """Milliseconds of the 99th percentile."""
    host, _, port = address.rpartition(":")
    body = tensor(ROWS[:1])
    request = (
        f"POST /v2/models/credit/infer HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n"
    ).encode() + body
    start = time.perf_counter() + 0.1
    late: list[float] = []

    async def ask(first: int) -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        for place in range(first, int(RATE * SECONDS), CONNECTIONS):
            due = start + place / RATE
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head)
            if length is None or b" 200 " not in head[:20]:
                raise OSError(f"the server said {head[:80]!r}")
            await reader.readexactly(int(length[1]))
            late.append(time.perf_counter() - due)
        writer.close()

    await asyncio.gather(*(ask(first) for first in range(CONNECTIONS)))
    return float(np.percentile(late, 99) * 1000)


def _replicas(folder: Path, launch: ServerConfiguration, stack: ExitStack) -> Iterator[Measurement]:
    """Each replica has a core that it shares with who loads it; so two are fair against one."""
    script = folder / "row.lua"
    script.write_text(
        f"wrk.method = 'POST'\nwrk.body = [==[{tensor(ROWS[:1]).decode()}]==]\n"
        "wrk.headers['Content-Type'] = 'application/json'\n"
    )
    servers = []
    for core in (0, 1):
        spool = str(folder / "replicas")
        server = stack.enter_context(_ours(replace(launch), f"replica{core}", spool))
        os.sched_setaffinity(server.pid, {core})
        servers.append(server)
    ratios = []
    for _ in range(5):
        one = _load(servers[:1], script)
        ratios.append(_load(servers, script) / one)
    value = median(ratios)
    yield Measurement(5, "serve: two replicas on two cores / one", value, "1", 1.7, value >= 1.7)


def _load(servers: Sequence[Served], script: Path) -> float:
    """Requests a second of all together."""
    running = [
        subprocess.Popen(
            ["taskset", "-c", str(core), "wrk", "-t1", "-c32", "-d1s", "-s", str(script),
             f"http://{server.address}/v2/models/credit/infer"],
            stdout=subprocess.PIPE,
            text=True,
        )
        for core, server in enumerate(servers)
    ]  # fmt: skip
    said = [each.communicate()[0] for each in running]
    found = [re.search(r"Requests/sec:\s+([\d.]+)", text) for text in said]
    return sum(float(each[1]) for each in found if each is not None)
