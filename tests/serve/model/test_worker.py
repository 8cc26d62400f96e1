"""A real model as code in its own process, which does the worst that content can do."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from goldenpath.errors import Unavailable
from goldenpath.serve.model.supervised_worker import SupervisedModel
from goldenpath.serve.model.worker import WorkerTerms, Workplace
from tests.serve.running import (
    CONTRACT,
    INFER,
    ROW,
    Answer,
    Running,
    expected,
    question,
    records,
    run,
    running,
)

MODEL = '''
import ctypes, os, socket, sys, time
import numpy as np

def load(files):
    weights = np.loadtxt(files / "weights.txt", dtype=np.float32)
    held = []

    def predict(rows):
        wish = int(rows[:, 0].min())
        if wish == 1:
            os.kill(os.getpid(), 9)
        if wish == 2:
            time.sleep(60)
        if wish == 3:
            held.append(np.ones(120 * 2**17))
        if wish == 4:
            os.write(int(sys.argv[1]), b"HTTP/1.1 200 OK" * 10)
        if wish == 5:
            return np.zeros((len(rows) + 1,))
        if wish == 6:
            raise ArithmeticError("no such applicant")
        if wish == 7:
            sys.exit(3)
        if wish == 8:
            return np.full(len(rows), sum(escapes(files)))
        if wish == 9:
            np.ones(2**40, np.uint8)
        if wish == 10:
            print("x" * 2**20)
        return 1 / (1 + np.exp(-(rows @ weights - 0.5)))

    return predict

def escapes(files):
    """What succeeded of all that should not."""
    yield tried(lambda: socket.socket())
    yield tried(lambda: open(files.parent / "secret").read())
    yield tried(lambda: open(files / "weights.txt", "w"))
    yield tried(lambda: open(files.parent / "code" / "new.py", "w"))
    yield tried(lambda: os.kill(os.getppid(), 0))
    yield tried(lambda: open(f"/proc/{os.getppid()}/mem", "rb").read(1))
    yield tried(lambda: open(f"/proc/{os.getppid()}/environ", "rb").read(1))
    yield tried(lambda: os.setsid())
    yield tried(lambda: sys.modules["goldenpath"])
    yield "SECRET" in os.environ
    yield ctypes.CDLL(None).ptrace(16, os.getppid(), 0, 0) == 0

def tried(what):
    try:
        what()
    except (OSError, KeyError):
        return False
    return True
'''


def place(folder: Path, model: str = MODEL) -> Workplace:
    """The content in folders of its own, in the environment of these tests."""
    for name in ("code", "files", "scratch"):
        (folder / name).mkdir()
    (folder / "code" / "scoring.py").write_text(model)
    (folder / "files" / "weights.txt").write_text("-0.00001 0.01 0.5 0.0")
    (folder / "secret").write_text("of the frame")
    return Workplace(
        python=Path(sys.executable),
        environment=Path(sys.prefix),
        code=folder / "code",
        files=folder / "files",
        scratch=folder / "scratch",
        variables={"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )


TERMS = WorkerTerms("scoring:load", len(CONTRACT.features), 1, 0.4, 20.0, 100)
EXAMPLE = np.array([[1000, 40, 1, 0]], dtype=np.float32)


@asynccontextmanager
async def serving(
    folder: Path, terms: WorkerTerms = TERMS
) -> AsyncIterator[tuple[Running, SupervisedModel, list[str]]]:
    """A server over the model."""
    said: list[str] = []
    model = SupervisedModel(place(folder), terms, EXAMPLE, said.append)
    await model.start()
    async with running(folder, model) as server:
        yield server, model, said


async def _until(server: Running, status: int) -> Answer:
    """The first answer with that status."""
    while True:
        answer = await server.ask(INFER, question(ROW))
        if answer.status == status:
            return answer
        await asyncio.sleep(0.02)


def test_code_answers_like_any_model_and_cannot_leave_its_place(tmp_path: Path) -> None:
    rows = [[5000.0 + number, 20.0 + number % 60, 1.0, 3.0] for number in range(3000)]

    async def main() -> None:
        async with serving(tmp_path) as (server, _, said):
            answer = await server.ask(INFER, question(*rows))
            scores = json.loads(answer.body)["outputs"][0]["data"]
            assert scores == pytest.approx(expected(rows), abs=1e-6)
            several = await asyncio.gather(*(server.ask(INFER, question(row)) for row in rows[:50]))
            for row, one in zip(rows, several, strict=False):
                found = json.loads(one.body)["outputs"][0]["data"]
                assert found == pytest.approx(expected([row]), abs=1e-6)
            tried = await server.ask(INFER, question([8.0, 40.0, 1.0, 0.0]))
            assert json.loads(tried.body)["outputs"][0]["data"] == [0.0], said
            assert said == []

    os.environ["SECRET"] = "of the frame"
    try:
        run(main)
    finally:
        del os.environ["SECRET"]
    assert len(records(tmp_path / "spool")) == 52


@pytest.mark.parametrize(
    ("wish", "why"),
    [
        (1, "signal 9"),
        (2, "took too long to answer"),
        (4, "sent a message that was not asked for"),
        (7, "exit code 3"),
    ],
    ids=["kill -9", "hang", "garbage", "exit"],
)
def test_what_kills_the_content_costs_its_own_requests_and_no_more(
    tmp_path: Path, wish: int, why: str
) -> None:
    async def main() -> None:
        async with serving(tmp_path) as (server, model, said):
            before = model.process
            bad, health = await asyncio.gather(
                server.ask(INFER, question([float(wish), 40.0, 1.0, 0.0])),
                server.ask("/v2/health/live"),
            )
            assert (bad.status, health.status) == (503, 200)
            assert bad.headers["retry-after"] == "1"
            answer = await _until(server, 200)
            assert json.loads(answer.body)["outputs"][0]["data"] == pytest.approx(expected([ROW]))
            assert model.process != before
            assert not Path(f"/proc/{before}/cmdline").exists() or not _is_alive(before)
            assert any(why in line for line in said)
            assert said[-1] == "the model answers again"

    run(main)
    found = records(tmp_path / "spool")
    assert (found[0].status, found[0].rows, found[-1].status) == (503, 0, 200)
    assert why in found[0].refusal
    assert [record.sequence for record in found] == list(range(len(found)))


def _is_alive(process: int) -> bool:
    state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    return state != "Z"


@pytest.mark.parametrize("wish", [5, 6, 9], ids=["wrong shape", "exception", "too much memory"])
def test_a_failed_call_costs_one_request_and_not_the_process(tmp_path: Path, wish: int) -> None:
    async def main() -> None:
        async with serving(tmp_path) as (server, model, said):
            before = model.process
            bodies = [ROW] * 5 + [[float(wish), 40.0, 1.0, 0.0]] + [ROW] * 5
            answers = await asyncio.gather(*(server.ask(INFER, question(row)) for row in bodies))
            statuses = [answer.status for answer in answers]
            # Asked together, one bad row would be everybody's; it is found out whose it is.
            assert statuses == [200] * 5 + [500] + [200] * 5
            tabular = {"rows": [{"limit": wish, "age": 40, "status": 1}]}
            answer = await server.ask("/v1/models/credit/predict", tabular)
            assert answer.json()["decisions"][0]["outcome"] == "refer"  # type: ignore[index]
            assert model.process == before
            assert said == []
            assert server.reports and all("the model failed" in each for each in server.reports)

    run(main)


def test_a_leak_is_replaced_without_a_lost_request(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, replace(TERMS, time_limit=20.0)) as (server, model, said):
            before, statuses = model.process, set()
            statuses.add((await server.ask(INFER, question([3.0, 40.0, 1.0, 0.0]))).status)
            while model.process == before:
                statuses.add((await server.ask(INFER, question(ROW))).status)
            statuses.add((await server.ask(INFER, question(ROW))).status)
            assert statuses == {200}
            assert model.starts == 2
            assert "more than 100: replacing it" in said[0]

    run(main)


def test_what_it_prints_is_passed_on_up_to_a_limit(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path) as (server, _, said):
            for _ in range(3):
                answer = await server.ask(INFER, question([10.0, 40.0, 1.0, 0.0]))
                assert answer.status == 200
            assert 0 < sum(map(len, said)) < 2**18

    run(main)


@pytest.mark.parametrize(
    ("model", "why"),
    [
        ("raise ImportError('no such package')", "ImportError: no such package"),
        ("def load(files):\n    return lambda rows: rows", r"shape \(1,\)|shape"),
        ("import time\ntime.sleep(60)", "took too long to start"),
        (
            "import os, sys\nos.write(int(sys.argv[1]), b'x' * 99)",
            "sent a message that was not asked for",
        ),
    ],
    ids=["import", "shape", "hang", "garbage"],
)
def test_content_that_does_not_load_is_said_at_the_start(
    tmp_path: Path, model: str, why: str
) -> None:
    terms = WorkerTerms("scoring:load", 4, 2, 5.0, 1.0, 100)

    async def main() -> None:
        content = SupervisedModel(place(tmp_path, model), terms, EXAMPLE, print)
        with pytest.raises(Unavailable, match=why):
            await content.start()
        content.close()

    run(main)
