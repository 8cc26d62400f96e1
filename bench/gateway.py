"""What the gateway costs per request, and whether a roll-out under load loses one."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from tests.deploy.contract import deployment, release
from tests.deploy.machine.local import Machine, machine
from tests.serve.onnx_graph import logistic_regression
from tests.serve.process import another, packed
from tests.serve.running import ROW, WEIGHTS, question

from bench.measurement import Measurement
from goldenpath.deploy.reconcile.target import Apply
from goldenpath.http.client import post_all
from goldenpath.promote.manifests.desired import Slot, slot_name

REQUESTS = 4000
ROUNDS = 5
SECONDS = 2
CONNECTIONS = 16
PATH = "/prod/credit/v2/models/credit/infer"
BODY = json.dumps(question(ROW)).encode()
SERVER = (sys.executable, "-m", "goldenpath.serve")
_SAME = f"""wrk.method = "POST"; wrk.body = '{BODY.decode()}'
wrk.headers["content-type"] = "application/json"
"""
_VARIED = (
    _SAME
    + """local n = 0
request = function()
  n = n + 1
  wrk.headers["traceparent"] = string.format("00-%032x-%016x-01", n, n)
  wrk.headers["x-goldenpath-subject"] = tostring(n % 5000)
  return wrk.format()
end
"""
)


def run() -> Iterator[Measurement]:
    """The gateway before two real model servers at 90/10, in turn with nginx over the same."""
    with tempfile.TemporaryDirectory() as folder, _serving(Path(folder)) as here:
        ours = here.target.address, here.target.gateway_process()
        with _nginx(here, Path(folder)) as peer:
            for name, script in (("same heads", _SAME), ("all heads differ", _VARIED)):
                yield from _compare(name, _script(Path(folder), script), ours, peer)
    with tempfile.TemporaryDirectory() as folder, machine(Path(folder)) as here:
        here.target.perform(Apply(deployment(release(1, 90), release(2, 10))))
        here.settle()
        yield _rollout(here)


@contextmanager
def _serving(folder: Path) -> Iterator[Machine]:
    """Two releases of a small model behind a gateway."""
    one = packed(folder)
    slots = []
    for shift, percent in ((-0.5, 90), (0.5, 10)):
        digest = another(one, logistic_regression(WEIGHTS, shift)).digest
        slots.append(Slot(slot_name(digest), digest, percent))
    launch = one.launch()
    assert launch.trust is not None
    with machine(folder, server=SERVER, trust=launch.trust) as here:
        here.target.perform(Apply(deployment(*slots)))
        here.settle()
        yield here


def _compare(
    name: str, script: Path | None, ours: tuple[str, int], peer: tuple[str, int] | None
) -> Iterator[Measurement]:
    """Both in turn; each round also takes ours twice, which says what a ratio is worth."""
    rounds = []
    for _ in range(ROUNDS):
        first, second = _cost(*ours, script), _cost(*ours, script)
        rounds.append((first, second, _cost(*peer, script) if peer else None))
    cost = median(first for first, _, _ in rounds)
    yield Measurement(6, f"gateway, CPU per request, {name}", cost, "us")
    control = sorted(first / second for first, second, _ in rounds)
    note = f"A/A median, single rounds {control[0]:.2f} to {control[-1]:.2f}"
    yield Measurement(6, f"gateway against itself, {name}", median(control), "1", note=note)
    what = f"gateway, CPU per request against nginx at 90/10, {name}"
    ratios = [(first + second) / 2 / other for first, second, other in rounds if other]
    if not ratios:
        yield Measurement(6, what, None, "1", 1.3, None, "nginx is not installed here")
        return
    note = f"single rounds {min(ratios):.2f} to {max(ratios):.2f}"
    yield Measurement(6, what, median(ratios), "1", 1.3, median(ratios) <= 1.3, note)


def _script(folder: Path, content: str) -> Path | None:
    """What wrk is to send; None where it is not installed, and our own client sends."""
    if shutil.which("wrk") is None:
        return None
    path = folder / "wrk.lua"
    path.write_text(content)
    return path


def _cost(address: str, process: int, script: Path | None) -> float:
    """Microseconds of CPU that a process takes for a request."""
    before = _cpu(process)
    sent = REQUESTS
    if script is not None:
        sent = _wrk(address, script)
    else:
        replies = post_all(address, PATH, (((), BODY) for _ in range(REQUESTS)), CONNECTIONS)
        if any(reply.status != 200 for reply in replies):
            raise RuntimeError("a request failed")
    return (_cpu(process) - before) / sent * 1e6


def _wrk(address: str, script: Path) -> int:
    """Requests that were answered. Raises `RuntimeError` if one failed."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "-s", str(script)]
    done = subprocess.run(
        [*command, f"http://{address}{PATH}"], capture_output=True, text=True, check=True
    )
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise RuntimeError(f"a request failed: {done.stdout}")
    return int(re.findall(r"(\d+) requests in", done.stdout)[0])


def _cpu(process: int) -> float:
    """CPU seconds of a process so far."""
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
from goldenpath.http.client import post_all
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
    stable = here.target.observe()["prod/credit"].deployment.slots[0].name
    weights = "".join(
        f"server unix:{path} weight={9 if path.name.startswith(stable) else 1};" for path in sockets
    )
    config = folder / "nginx.conf"
    config.write_text(
        f"daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr crit;"
        "events {} http { access_log off; keepalive_requests 100000000;"
        f"upstream models {{ {weights} keepalive 64; keepalive_requests 100000000; }}"
        "server { listen 127.0.0.1:18231; location /prod/credit/ { proxy_pass http://models/;"
        "proxy_http_version 1.1; proxy_set_header Connection ''; } } }"
    )
    process = subprocess.Popen([program, "-c", str(config), "-p", str(folder)])
    time.sleep(0.5)
    try:
        yield "127.0.0.1:18231", process.pid
    finally:
        process.terminate()
        process.wait()
