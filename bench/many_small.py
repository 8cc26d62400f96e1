"""1,000 small ONNX models on one machine, with several releases in a server process (ADR 28).

MANY_MODELS models, MANY_SHARED of them a process. Memory is that of `goldenpath up` and all below
it; what processes share counts once. A few of the models first run apart: their answers and the
fields of their records are compared with those of the shared ones.
"""

import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import urllib3
from tests.deploy.platform import OneMachine, Up
from tests.serve.running import ROW, question

from bench.measurement import Measurement
from bench.steady import usages
from goldenpath.deploy.reconcile.status import Status
from goldenpath.digest import Digest
from goldenpath.instruments import HEADER_RELEASE
from goldenpath.observe.log.log_reader import Record, records
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.promote.manifests.deployment_files import render_deployment
from goldenpath.promote.manifests.desired import Deployment, Slot, slot_name

MODELS = int(os.environ.get("MANY_MODELS", "1000"))
SHARED = os.environ.get("MANY_SHARED", "50")
APART, ROUNDS, IDLE = 5, 5, 20
PATIENCE = 900.0
GIB = 1 << 30
MEMORY = "/dev/shm"  # noqa: S108 - a folder of a random name in it
_PSS = re.compile(r"^Pss:\s+(\d+)", re.MULTILINE)
_OF_AN_ANSWER = ("model", "release_digest", "status", "score", "band", "outcome", "decisive")


def run() -> Iterator[Measurement]:
    """Start, memory, answers, records, and commits among them."""
    with tempfile.TemporaryDirectory() as name:
        here = OneMachine(Path(name))
        releases, other = _released(here)
        _declare(here, releases[:APART])
        with here.up() as up:
            apart = _answers(_ready(up, APART).gateway, APART)
        before = _recorded(here, releases, datetime.fromtimestamp(0, UTC))
        _declare(here, releases)
        began, since = time.monotonic(), datetime.now(UTC)
        with here.up(GOLDENPATH_RELEASES_PER_PROCESS=SHARED) as up:
            gateway, took = _ready(up, MODELS).gateway, time.monotonic() - began
            yield Measurement(17, "many small: start to all ready", took, "s", note=f"{MODELS}")
            answers = _answers(gateway, MODELS)
            yield from _usage(up)
            yield from _commits(here, gateway, (other, releases[0]))
        same = answers[:APART] == apart
        yield Measurement(17, "many small: answers as apart", float(same), "1", 1, same)
        same = _recorded(here, releases, since) == before
        yield Measurement(17, "many small: records as apart", float(same), "1", 1, same)


def _released(here: OneMachine) -> tuple[list[Digest], Digest]:
    """A release of each model, and another one of the first: made in memory, then copied."""
    with tempfile.TemporaryDirectory(dir=MEMORY if Path(MEMORY).is_dir() else None) as name:
        store, here.store = here.store, LayoutStore(Path(name))
        releases = [here.release(each / MODELS, name=_model(each)) for each in range(MODELS)]
        other = here.release(0.7, name=_model(0))
        shutil.copytree(name, here.home.registry, dirs_exist_ok=True)
        here.store = store
    return releases, other


def _model(number: int) -> str:
    return f"model-{number:04d}"


def _declare(here: OneMachine, releases: Sequence[Digest]) -> None:
    platform, files = here.trusted().platform, dict[str, bytes | None]()
    for number, digest in enumerate(releases):
        slots = (Slot(slot_name(digest), digest, 100),)
        files.update(render_deployment(Deployment("dev", _model(number), slots), platform))
    here.commit(files)


def _ready(up: Up, models: int) -> Status:
    """Wait until every model answers; longer than a test would."""
    give_up = time.monotonic() + PATIENCE
    while time.monotonic() < give_up:
        status = up.status
        if status is not None and status.is_ready and len(status.answering) == models:
            return status
        time.sleep(0.2)
    raise TimeoutError(f"{models} models were not ready after {PATIENCE:.0f} s")


def _answers(gateway: str, models: int) -> list[tuple[int, str, object]]:
    """Status, release and answer of each model to the same question."""
    pool, answers = urllib3.PoolManager(), []
    body = json.dumps(question(ROW, id="many")).encode()
    for number in range(models):
        model = _model(number)
        url = f"http://{gateway}/dev/{model}/v2/models/{model}/infer"
        answer = pool.request("POST", url, body=body)
        outputs = answer.json().get("outputs")
        answers.append((answer.status, answer.headers.get(HEADER_RELEASE, ""), outputs))
    return answers


def _recorded(here: OneMachine, releases: Sequence[Digest], since: datetime) -> list[Record]:
    """What the log holds since then of the first answer of each model that also ran apart."""
    recorded: list[Record] = []
    for number, digest in enumerate(releases[:APART]):
        *_, first = (
            record
            for record in records(here.home, stage="dev", model=_model(number), since=since)
            if record["release_digest"] == digest.text
        )
        recorded.append({field: first[field] for field in _OF_AN_ANSWER})
    return recorded


def _usage(up: Up) -> Iterator[Measurement]:
    """Memory, threads and descriptors of all processes, by what they are."""
    kinds: dict[str, list[int]] = {}
    for name, usage in usages(up):
        module, _, process = name.rpartition(" ")
        pss = _PSS.search(Path(f"/proc/{process}/smaps_rollup").read_text())
        row = kinds.setdefault(module, [0, 0, 0, 0])
        of_one = (1, int(pss[1]) * 1024 if pss else 0, usage.descriptors, usage.threads)
        row[:] = [before + more for before, more in zip(row, of_one, strict=True)]
    memory = sum(row[1] for row in kinds.values())
    note = ", ".join(
        f"{row[0]} {name}: {row[1] >> 20} MiB, {row[2]} descriptors, {row[3]} threads"
        for name, row in kinds.items()
    )
    holds = memory < 4 * GIB
    yield Measurement(17, "many small: memory of all", memory / GIB, "GiB", 4, holds, note)
    before, began = _seconds(up), time.monotonic()
    time.sleep(IDLE)
    after, took = _seconds(up), time.monotonic() - began
    note = ", ".join(
        f"{name} {(after[name] - before.get(name, 0)) / took:.3f}" for name in sorted(after)
    )
    idle = (sum(after.values()) - sum(before.values())) / took
    yield Measurement(17, "many small: cores used without a request", idle, "1", note=note)


def _seconds(up: Up) -> dict[str, float]:
    """CPU time so far, by what a process is."""
    ticks, seconds = os.sysconf("SC_CLK_TCK"), dict[str, float]()
    for name, _ in usages(up):
        module, _, process = name.rpartition(" ")
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        seconds[module] = seconds.get(module, 0) + (int(fields[11]) + int(fields[12])) / ticks
    return seconds


def _commits(
    here: OneMachine, gateway: str, releases: tuple[Digest, Digest]
) -> Iterator[Measurement]:
    pool, took = urllib3.PoolManager(), []
    body, model = json.dumps(question(ROW)).encode(), _model(0)
    url = f"http://{gateway}/dev/{model}/v2/models/{model}/infer"
    for place in range(ROUNDS):
        digest = releases[place % 2]
        here.deploy((digest, 100), model=model)
        began = time.monotonic()
        while pool.request("POST", url, body=body).headers.get(HEADER_RELEASE) != digest.text:
            time.sleep(0.005)
        took.append(time.monotonic() - began)
    first, again = took[0], median(took[1:])
    yield Measurement(17, "many small: commit to serving, new", first, "s", 2, first < 2)
    yield Measurement(17, "many small: commit to serving, warm", again, "s", 2, again < 2)
