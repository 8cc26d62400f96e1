"""A soak under faults: real processes, killed, starved and hung up on while callers check answers.

Truth is what the callers saw. Afterwards every answer that they got was right, and is in the sealed
log or among those that the log itself counts as lost; no request number is missing.
"""

import asyncio
import contextlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pyarrow.parquet as pq

from goldenpath.home import Home
from goldenpath.observe.log.log_check import LogReport, check_log
from goldenpath.observe.log.segment import checkpoints, table_of
from goldenpath.processes.observer_launch import ObserverLaunch
from tests.serve.process import Packed, Process, packed_code, started
from tests.serve.running import INFER, Client, expected, question, request

CODE = """
import numpy as np

def load(files):
    weights = np.loadtxt(files / "weights.txt", dtype=np.float32)
    return lambda rows: 1 / (1 + np.exp(-(rows @ weights - 0.5)))
"""
CALLERS = 8


@dataclass
class Seen:
    """What the callers saw, and what was done to the machine."""

    answered: dict[str, float] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    aborted: int = 0
    broken: int = 0
    """Requests without an answer, since the server was killed."""
    faults: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Verdict:
    """The soak, and the log against it."""

    seen: Seen
    report: LogReport
    unlogged: int
    """Answers that callers got and that are not in the log."""
    lost: int
    """Requests that the log says it lost."""

    @property
    def holds(self) -> bool:
        """No wrong answer and no silent gap."""
        return not self.seen.wrong and self.report.holds and self.unlogged <= self.lost


class Soak:
    """One machine: a server with a model as code, an observer, callers, and somebody evil."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.release: Packed = packed_code(folder, CODE, time_limit=1.0)
        self.home = Home(folder)
        self.seen = Seen()
        self._random = random.Random(seed)  # noqa: S311 - so that a run can be repeated
        self._stack = ExitStack()
        self._starts = 0
        self._is_over = False
        self.process = self._server()
        self.observer = self._observer()

    def run(self, seconds: float, pause: float) -> Verdict:
        """Everything at once for so long, a fault about every `pause` seconds; then the truth."""
        with self._stack:
            asyncio.run(self._main(seconds, pause))
            self.process.end()
            self._end_observer()
        return self._judge()

    async def _main(self, seconds: float, pause: float) -> None:
        loop = asyncio.get_running_loop()
        callers = [asyncio.create_task(self._call(number)) for number in range(CALLERS)]
        end = loop.time() + seconds
        evil = self._evil()
        while loop.time() < end:
            await asyncio.sleep(pause * (0.5 + self._random.random()))
            name, do = next(evil)
            self.seen.faults[name] += 1
            await do()
        # The last word has to be a whole one.
        await asyncio.sleep(1.0)
        self._is_over = True
        await asyncio.gather(*callers)

    def _evil(self) -> Iterator[tuple[str, Callable[[], Awaitable[None]]]]:
        faults = (
            ("content killed", self._kill_content),
            ("content hangs", self._stop_content),
            ("disk full", self._fill_disk),
            ("sink down", self._take_sink),
            ("server killed", self._kill_server),
        )
        yield from faults
        while True:
            yield self._random.choice(faults)

    def _content(self) -> int:
        pid = self.process.child.pid
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return int(found[0]) if found else 0

    async def _kill_content(self) -> None:
        _signal(self._content(), signal.SIGKILL)

    async def _stop_content(self) -> None:
        _signal(self._content(), signal.SIGSTOP)

    async def _fill_disk(self) -> None:
        pid = self.process.child.pid
        before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, before[1]))
        await asyncio.sleep(0.3)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)

    async def _take_sink(self) -> None:
        self.observer.kill()
        self.observer.communicate()
        await asyncio.sleep(0.5)
        self.observer = self._observer()

    async def _kill_server(self) -> None:
        self.process.child.kill()
        self.process.child.wait()
        self.process = await asyncio.to_thread(self._server)

    def _server(self) -> Process:
        self._starts += 1
        launch = self.release.launch(f"r{self._starts}")
        process = self._stack.enter_context(started(launch))
        if process.event["event"] != "ready":
            raise OSError(f"the server did not start: {process.event}")
        return process

    def _observer(self) -> "subprocess.Popen[bytes]":
        launch = ObserverLaunch(
            str(self.home.root), str(self.home.registry), interval=0.05, seal_seconds=0.3
        )
        child = subprocess.Popen(
            [sys.executable, "-m", "goldenpath.observe"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        assert child.stdin is not None
        child.stdin.write(json.dumps(asdict(launch)).encode() + b"\n")
        child.stdin.flush()
        return child

    def _end_observer(self) -> None:
        self.observer.communicate(timeout=120)
        assert self.observer.returncode == 0

    async def _call(self, number: int) -> None:
        source = random.Random(number)  # noqa: S311
        while not self._is_over:
            try:
                client = Client(*await asyncio.open_unix_connection(self.process.address))
            except OSError:
                await asyncio.sleep(0.05)
                continue
            with contextlib.closing(client):
                try:
                    await self._talk(client, source)
                except (OSError, EOFError):
                    self.seen.broken += 1

    async def _talk(self, client: Client, source: random.Random) -> None:
        """Requests on one connection, until the caller hangs up in the middle of one."""
        for _ in range(source.randint(1, 60)):
            if self._is_over:
                return
            row = [float(source.randint(0, 10**6)), source.uniform(18, 100), 1.0, 0.0]
            if source.random() < 0.02:
                row[1] = 7.0  # too young for the contract
            await client.send(request("POST", INFER, json.dumps(question(row)).encode()))
            answer = await client.receive()
            self.seen.statuses[answer.status] += 1
            if answer.status == 503:
                await asyncio.sleep(0.02)
            if answer.status == 200:
                self._check(answer.headers["x-goldenpath-prediction-id"], row, answer.body)
        body = request("POST", INFER, json.dumps(question([1.0, 20.0, 0.0, 0.0])).encode())
        await client.send(body[: source.randint(1, len(body))])
        self.seen.aborted += 1

    def _check(self, name: str, row: list[float], body: bytes) -> None:
        (score,) = json.loads(body)["outputs"][0]["data"]
        (right,) = expected([row])
        self.seen.answered[name] = score
        if abs(score - right) > 1e-6:
            self.seen.wrong.append(f"{name}: expected {right}, got {score}")

    def _judge(self) -> Verdict:
        report = check_log(self.home)
        logged: dict[str, float] = {}
        for path in checkpoints(self.home.predictions):
            found = pq.read_table(table_of(path), columns=["prediction_id", "score"]).to_pydict()
            for name, score in zip(found["prediction_id"], found["score"], strict=True):
                if score is not None:
                    logged[str(name).partition("-")[0]] = score
        for name, score in self.seen.answered.items():
            if name in logged and abs(logged[name] - score) > 1e-7:
                self.seen.wrong.append(f"{name}: answered {score}, logged {logged[name]}")
        lost = sum(replica.lost for replica in report.replicas)
        return Verdict(self.seen, report, len(self.seen.answered.keys() - logged.keys()), lost)


def _signal(process: int, number: int) -> None:
    if process:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, number)


__all__ = ["Soak", "Verdict"]
