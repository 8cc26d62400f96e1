"""What the gateway costs per request, and whether a roll-out under load loses one."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from tests.targets.contract import deployment, release
from tests.targets.local import Machine, machine

from bench.measurement import Measurement
from goldenpath.gateway.client import post_all
from goldenpath.reconcile.target import Apply

REQUESTS = 4000
ROUNDS = 5
CONNECTIONS = 16
PATH = "/prod/credit/v2/models/credit/infer"


def run() -> Iterator[Measurement]:
    """The gateway before two servers at 90/10, in turn with nginx over the same servers."""
    with tempfile.TemporaryDirectory() as folder, machine(Path(folder)) as here:
        here.target.perform(Apply(deployment(release(1, 90), release(2, 10))))
        here.settle()
        ours = here.target.gateway_process()
        with _nginx(here, Path(folder)) as peer:
            costs: dict[str, list[float]] = {"gateway": [], "nginx": []}
            for _ in range(ROUNDS):
                costs["gateway"].append(_cost(here.target.address, ours))
                if peer is not None:
                    costs["nginx"].append(_cost(*peer))
        yield Measurement(6, "gateway, CPU per request", median(costs["gateway"]), "us")
        yield _ratio(costs)
        yield _rollout(here)


def _ratio(costs: dict[str, list[float]]) -> Measurement:
    name = "gateway, CPU per request against nginx at 90/10"
    if not costs["nginx"]:
        return Measurement(6, name, None, "1", 1.3, None, "nginx is not installed here")
    value = median(a / b for a, b in zip(costs["gateway"], costs["nginx"], strict=True))
    return Measurement(6, name, value, "1", 1.3, value <= 1.3)


def _cost(address: str, process: int) -> float:
    """Microseconds of CPU that a process takes for a request."""
    before = _cpu(process)
    replies = post_all(address, PATH, (((), b"{}") for _ in range(REQUESTS)), CONNECTIONS)
    if any(reply.status != 200 for reply in replies):
        raise RuntimeError("a request failed")
    return (_cpu(process) - before) / REQUESTS * 1e6


def _cpu(process: int) -> float:
    """CPU seconds of a process and its children so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rollout(here: Machine) -> Measurement:
    """Requests that fail while a roll-out goes through all its steps under load."""
    sender = subprocess.Popen(
        [sys.executable, "-c", _SENDER, here.target.address, PATH], stdout=subprocess.PIPE
    )
    steps = [
        deployment(release(1, 50), release(2, 50)),
        deployment(release(2)),
        deployment(release(3)),
        deployment(release(2)),
    ]
    for step in steps:
        here.target.perform(Apply(step))
        here.settle()
        pause = time.monotonic() + 0.5
        here.until(lambda pause=pause: time.monotonic() > pause)  # type: ignore[misc]
    said, _ = sender.communicate()
    sent, failed, rate = json.loads(said)
    note = f"{sent} requests at {rate:.0f}/s, {len(steps)} changes"
    return Measurement(
        6, "failed requests in a roll-out under load", failed, "1", 0, not failed, note
    )


_SENDER = """
import json, sys, time
from goldenpath.gateway.client import post_all
began = time.perf_counter()
calls = (((), b"{}") for _ in iter(lambda: time.perf_counter() - began < 3, False))
replies = post_all(sys.argv[1], sys.argv[2], calls, 8)
failed = sum(reply.status != 200 for reply in replies)
print(json.dumps([len(replies), failed, len(replies) / (time.perf_counter() - began)]))
"""


@contextmanager
def _nginx(here: Machine, folder: Path) -> Iterator[tuple[str, int] | None]:
    """nginx over the same servers with the same weights; None where it is not installed."""
    program = shutil.which("nginx")
    if program is None:
        yield None
        return
    sockets = sorted((folder / "run" / "sockets").glob("*.sock"))
    weights = "".join(
        f"server unix:{path} weight={9 if release(1).name in path.name else 1};" for path in sockets
    )
    config = folder / "nginx.conf"
    config.write_text(
        f"daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr crit;"
        f"events {{}} http {{ access_log off; upstream models {{ {weights} keepalive 64; }}"
        "server { listen 127.0.0.1:18231; location / { proxy_pass http://models;"
        "proxy_http_version 1.1; proxy_set_header Connection ''; } } }"
    )
    process = subprocess.Popen([program, "-c", str(config), "-p", str(folder)])
    time.sleep(0.5)
    try:
        yield "127.0.0.1:18231", process.pid
    finally:
        process.terminate()
        process.wait()
