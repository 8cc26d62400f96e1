"""The model server against its peers: same graph, same core, one interleaved run.

Servers live side by side on the first core and are loaded in turn by wrk on the second one. Figures
are medians of the ratios of single rounds; the A/A control is the same server twice. `ours` has
everything on: the observer, which needs a core that is not here, works off the records of a round
after it, and its CPU is told apart. `together` has it at work all the time, on the server's core.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import msgspec
import numpy as np
from tests.release.attest.releases import NOW, REPOSITORY, new_signer

from bench.measurement import Measurement
from bench.peers import PEERS, Served, ask, served, version
from bench.trees import boosted_trees
from goldenpath.drift.profile import Profile
from goldenpath.drift.profile_format import render_profile
from goldenpath.drift.reference_profile import build_profile
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.processes.launch import ReleaseSource, ReleaseTrust, ServerConfiguration, TrustedPem
from goldenpath.processes.observer_launch import ObserverLaunch
from goldenpath.project.contract import render_contract
from goldenpath.project.spec import Band, Contract, DecisionPolicy, Feature, MonitorSettings
from goldenpath.release.artifact.pack import Contents, pack
from goldenpath.release.attest.attach import sign_image
from goldenpath.release.attest.keys import public_pem
from goldenpath.release.attest.statement import SIGNED

WIDTH = 20
ONE_ROW = {"bare ASGI": 2.0, "KServe": 25.0, "MLServer": 20.0, "MLflow": 30.0, "BentoML": None}
"""By how much everything on has to be quicker than a peer with nothing on."""


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk saw in one round."""

    rate: float
    p50: float
    """Milliseconds."""
    p99: float
    errors: int
    cpu: float
    """Microseconds of CPU a request; says more than the rate where the machine has other work."""
    observed: float
    """The same of the observer, until it had worked off everything."""


def run() -> Iterator[Measurement]:
    """Every figure; nothing but a note where wrk or the second core is missing."""
    if shutil.which("wrk") is None or (os.cpu_count() or 1) < 2:
        yield Measurement(5, "model server", None, "", note="needs wrk and two cores")
        return
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        launch = _launch(folder)
        yield from _cold(launch)
        servers = _start(launch, folder, stack)
        for peer in PEERS:
            note = version(peer) if peer in servers else "is not to be had here"
            yield Measurement(5, f"serve: peer {peer}", None, "", note=note)
        yield from _one_row(folder, servers)
        yield from _monitoring(folder, servers)
        yield from _many_rows(folder, servers)
        yield from _one_connection(folder, servers)


def _start(launch: ServerConfiguration, folder: Path, stack: ExitStack) -> dict[str, Served]:
    """Everything that is compared, each alive until the end and idle but in its turn."""
    model = folder / "outputs" / "model.onnx"
    servers: dict[str, Served] = {}
    for name in PEERS:
        place = folder / name
        place.mkdir()
        with contextlib.suppress(OSError):
            servers[name] = stack.enter_context(served(name, place, model, ROWS[:1]))
    # The observer is a process of its own: it writes the log, watches for drift and counts.
    after = stack.enter_context(_observer(folder / "home", launch.source.path, "1"))
    same = stack.enter_context(_observer(folder / "together", launch.source.path, "0"))
    spool, beside = str(folder / "home" / "spool"), str(folder / "together" / "spool")
    for name, where, observer in (
        ("ours", spool, after),
        ("again", spool, after),
        ("together", beside, same),
        ("unrecorded", "", 0),
    ):
        there = stack.enter_context(_ours(launch, name, where))
        servers[name] = replace(there, observer=observer, observed_after=observer == after)
    return servers


def _one_row(folder: Path, servers: Mapping[str, Served]) -> Iterator[Measurement]:
    rounds = _rounds(servers, 1, folder, rounds=5, connections=64)
    for name in servers:
        spent = median(load.cpu for load in rounds[name])
        note = f"CPU of the server {spent:.0f} us a request{_observed(rounds[name])}"
        value = _rate(rounds, name)
        yield Measurement(5, f"serve: {name}, 1 row, 64 connections", value, "1/s", note=note)
    yield _ratio("A/A control of the server", rounds, "again", "ours", None)
    for peer, goal in ONE_ROW.items():
        yield _ratio(f"all on / {peer}, 1 row, 64 connections", rounds, "ours", peer, goal)
    yield _ratio("all on, one core for all of it / KServe", rounds, "together", "KServe", 10.0)
    errors = {name: sum(load.errors for load in loads) for name, loads in rounds.items()}
    mine = sum(errors[name] for name in errors.keys() - PEERS.keys())
    theirs = ", ".join(f"{name} {errors[name]}" for name in PEERS if errors.get(name))
    note = f"of peers: {theirs}" if theirs else ""
    yield Measurement(5, "serve: errors", mine, "1", 0, mine == 0, note)


def _monitoring(folder: Path, servers: Mapping[str, Served]) -> Iterator[Measurement]:
    """What everything costs that is learned from serving: little, so many rounds."""
    some = {name: servers[name] for name in ("ours", "unrecorded", "again")}
    rounds = _rounds(some, 1, folder, rounds=15, connections=64)
    yield _ratio("records, log, drift, metrics on / off", rounds, "ours", "unrecorded", 0.95)
    yield _ratio("A/A control of that", rounds, "ours", "again", None)


def _many_rows(folder: Path, servers: Mapping[str, Served]) -> Iterator[Measurement]:
    some = {name: there for name, there in servers.items() if name not in ("again", "together")}
    rounds = _rounds(some, 32, folder, rounds=7, connections=64)
    yield _ratio("all on / bare ASGI, 32 rows, 64 connections", rounds, "ours", "bare ASGI", 1.6)
    rates = {peer: _rate(rounds, peer) for peer in PEERS if peer in some and peer != "bare ASGI"}
    if rates:
        best = max(rates, key=lambda peer: rates[peer])
        yield _ratio(f"all on / {best}, the best peer, 32 rows", rounds, "ours", best, 6.0)
    yield _ratio("all on / off, 32 rows", rounds, "ours", "unrecorded", None)


def _one_connection(folder: Path, servers: Mapping[str, Served]) -> Iterator[Measurement]:
    names = ("ours", "bare ASGI", "again", "KServe")
    some = {name: servers[name] for name in names if name in servers}
    # A wake-up of the machine is most of it and differs from second to second: many rounds.
    rounds = _rounds(some, 1, folder, rounds=13, connections=1)
    for peer, goal in (("bare ASGI", 1.0), ("again", None), ("KServe", 0.35)):
        if peer in some:
            pairs = zip(rounds["ours"], rounds[peer], strict=True)
            ratios = sorted(mine.p50 / theirs.p50 for mine, theirs in pairs)
            value = median(ratios)
            note = f"rounds {ratios[0]:.2f} to {ratios[-1]:.2f}; {_p50(rounds['ours']):.3f} ms"
            name = f"serve: p50 / {peer}, 1 connection"
            holds = None if goal is None else value <= goal
            yield Measurement(5, name, value, "1", goal, holds, note)


def _cold(launch: ServerConfiguration) -> Iterator[Measurement]:
    """Process start to the first right answer, and memory after it."""
    times, sizes = [], []
    for number in range(5):
        start = time.perf_counter()
        with _ours(launch, f"cold{number}", launch.spool) as server:
            ask(server, ROWS[:1])
            times.append(time.perf_counter() - start)
            sizes.append(_resident(server.pid))
    value, size = median(times), median(sizes)
    yield Measurement(5, "serve: cold start to the first answer", value, "s", 0.6, value <= 0.6)
    yield Measurement(5, "serve: resident memory", size, "MiB", 100, size <= 100)


def _launch(folder: Path) -> ServerConfiguration:
    features = tuple(
        Feature(f"f{number}", "number", minimum=-1000, maximum=1000) for number in range(12)
    ) + tuple(
        Feature(f"c{number}", "category", categories=tuple(float(code) for code in range(10)))
        for number in range(WIDTH - 12)
    )
    contract = Contract(
        name="credit",
        features=features,
        output="default",
        decision=DecisionPolicy((Band("all", 1.01, "refer"),)),
        monitor=MonitorSettings(),
    )
    (folder / "outputs").mkdir()
    (folder / "outputs" / "model.onnx").write_bytes(boosted_trees(WIDTH, 1))
    store, signer = LayoutStore(folder / "registry"), new_signer()
    image = pack(
        store,
        Contents(
            name="credit",
            version="1",
            outputs=folder / "outputs",
            contract=render_contract(contract),
            profile=render_profile(_profile(contract)),
            lock=b"",
            python_version="3.11",
            documents={},
            commit="c" * 40,
            committed_at="2026-01-01T00:00:00Z",
        ),
    ).image
    sign_image(store, image, REPOSITORY, signer, now=NOW)
    return ServerConfiguration(
        stage="bench",
        model="credit",
        slot="r" + image.digest.hex[:12],
        digest=image.digest.text,
        replica="r",
        source=ReleaseSource(str(folder / "registry")),
        trust=ReleaseTrust((TrustedPem("build", public_pem(signer).decode()),), (SIGNED,)),
        listen="127.0.0.1:0",
        spool=str(folder / "spool"),
    )


def _profile(contract: Contract) -> Profile:
    random = np.random.default_rng(3)
    table = {
        each.name: random.normal(0, 1, 2000)
        if each.kind == "number"
        else random.integers(0, 10, 2000).astype(np.float64)
        for each in contract.features
    }
    return build_profile(contract, table, random.random(2000))


@contextmanager
def _child(
    module: str, core: str, launch: object
) -> Iterator[tuple[subprocess.Popen[bytes], dict[str, object]]]:
    """A process of ours on one core, and what it said when it was ready."""
    command = ["taskset", "-c", core, sys.executable, "-m", module]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(msgspec.json.encode(launch) + b"\n")
        child.stdin.flush()
        event = json.loads(child.stdout.readline())
        if event["event"] != "ready":
            raise OSError(f"{module} did not start: {event}")
        yield child, event


@contextmanager
def _ours(launch: ServerConfiguration, replica: str, spool: str) -> Iterator[Served]:
    fresh = replace(launch, replica=replica, spool=spool)
    with _child("goldenpath.serve", "0", fresh) as (child, event):
        assert child.stdin is not None
        yield Served(str(event["address"]), child.pid)
        child.stdin.close()
        child.wait(30)


@contextmanager
def _observer(home: Path, store: str, core: str) -> Iterator[int]:
    """The process that makes log, drift and telemetry of the records; its id."""
    home.mkdir()
    launch = ObserverLaunch(home=str(home), store=store)
    with _child("goldenpath.observe", core, launch) as (child, _):
        assert child.stdin is not None
        assert child.stdout is not None
        # What it says of each segment is read and dropped, so that its pipe never fills.
        threading.Thread(target=child.stdout.read, daemon=True).start()
        yield child.pid
        child.terminate()


def _rows() -> list[list[float]]:
    random = np.random.default_rng(2)
    amounts = random.normal(0, 1, (32, 12)).round(3)
    codes = random.integers(0, 10, (32, WIDTH - 12))
    found: list[list[float]] = np.hstack([amounts, codes]).tolist()
    return found


ROWS = _rows()


def _rounds(
    servers: Mapping[str, Served], rows: int, folder: Path, *, rounds: int, connections: int
) -> dict[str, list[Load]]:
    scripts = {}
    for name, there in servers.items():
        scripts[name] = folder / f"{name}{rows}.lua"
        scripts[name].write_text(
            f"wrk.method = 'POST'\nwrk.body = [==[{there.body(ROWS[:rows]).decode()}]==]\n"
            "wrk.headers['Content-Type'] = 'application/json'\n"
        )
        _wrk(there, scripts[name], connections)
    found: dict[str, list[Load]] = {name: [] for name in servers}
    for number in range(rounds):
        names = list(servers)
        for name in names[number % len(names) :] + names[: number % len(names)]:
            found[name].append(_wrk(servers[name], scripts[name], connections))
    return found


def _wrk(there: Served, script: Path, connections: int) -> Load:
    command = ["taskset", "-c", "1", "wrk", "-t1", f"-c{connections}", "-d1s"]
    url = f"http://{there.address}{there.path}"
    before, observed = _cpu(there.pid), _cpu(there.observer)
    if there.observed_after:
        os.kill(there.observer, signal.SIGSTOP)
    text = subprocess.run(
        [*command, "--latency", "-s", str(script), url], capture_output=True, text=True, check=True
    ).stdout
    used = _cpu(there.pid) - before
    if there.observed_after:
        os.kill(there.observer, signal.SIGCONT)
    _wait_for_quiet(there.observer)
    answered = float(_found(r"(\d+) requests in", text))
    errors = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    return Load(
        float(_found(r"Requests/sec:\s+([\d.]+)", text)),
        _milliseconds(_found(r"50%\s+([\d.]+\w+)", text)),
        _milliseconds(_found(r"99%\s+([\d.]+\w+)", text)),
        int(errors[1]) if errors else 0,
        used / answered * 1e6,
        (_cpu(there.observer) - observed) / answered * 1e6,
    )


def _wait_for_quiet(pid: int) -> None:
    """Waits until a process has worked off what it has, so that the next round is undisturbed."""
    give_up = time.monotonic() + 20
    while pid and time.monotonic() < give_up:
        before = _cpu(pid)
        time.sleep(0.7)
        if _cpu(pid) - before < 0.03:
            return


def _cpu(pid: int) -> float:
    """Seconds of CPU that a process and those that it started have used; 0 for none."""
    if not pid:
        return 0.0
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    started = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return own + sum(_cpu(int(each)) for each in started)


def _observed(loads: Sequence[Load]) -> str:
    spent = median(load.observed for load in loads)
    return f", of the observer {spent:.0f} us" if spent else ""


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        raise OSError(f"wrk said something else: {text}")
    return match[1]


def _milliseconds(text: str) -> float:
    for unit, factor in (("us", 0.001), ("ms", 1.0), ("s", 1000.0)):
        if text.endswith(unit):
            return float(text.removesuffix(unit)) * factor
    raise OSError(f"wrk said a time of {text}")


def _p50(loads: Sequence[Load]) -> float:
    return median(load.p50 for load in loads)


def _rate(rounds: Mapping[str, Sequence[Load]], name: str) -> float:
    return median(load.rate for load in rounds[name])


def _ratio(
    name: str, rounds: Mapping[str, Sequence[Load]], above: str, below: str, goal: float | None
) -> Measurement:
    if below not in rounds:
        return Measurement(5, f"serve: {name}", None, "1", goal, None, f"{below} is not here")
    ratios = sorted(a.rate / b.rate for a, b in zip(rounds[above], rounds[below], strict=True))
    value = median(ratios)
    holds = None if goal is None else value >= goal
    each = " and ".join(f"{median(x.cpu for x in rounds[name]):.0f}" for name in (above, below))
    by_cpu = median(b.cpu / a.cpu for a, b in zip(rounds[above], rounds[below], strict=True))
    spread = f"rounds {ratios[0]:.2f} to {ratios[-1]:.2f}"
    note = f"{spread}; by CPU of the servers {by_cpu:.2f} ({each} us)"
    return Measurement(5, f"serve: {name}", value, "1", goal, holds, note)


def _resident(pid: int) -> float:
    """MiB of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(_found(r"VmRSS:\s+(\d+)", status)) / 1024
