"""The turn: one call for many, the slow aside, the wrong alone, the failing survived."""

import asyncio
import json
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from goldenpath.errors import GoldenPathError
from goldenpath.serve.model.model import Rows, Scores
from tests.serve.running import (
    INFER,
    ROW,
    Answer,
    Running,
    expected,
    linear_model,
    question,
    records,
    request,
    run,
    running,
)


class Watched:
    """A linear model that remembers how it was called."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.sizes: list[int] = []
        self.threads: set[str] = set()
        self._seconds = seconds
        self._model = linear_model()

    def predict(self, rows: Rows) -> Scores:
        """Slowly, if so made; fails for the age of 66."""
        self.sizes.append(len(rows))
        self.threads.add(threading.current_thread().name)
        time.sleep(self._seconds)
        if (rows[:, 1] == 66).any():
            raise GoldenPathError("the model failed: 66")
        return self._model.predict(rows)


async def _all(server: Running, bodies: list[dict[str, object]]) -> list[int]:
    clients = [await server.connect() for _ in bodies]
    for client, body in zip(clients, bodies, strict=True):
        client.writer.write(request("POST", INFER, json.dumps(body).encode()))
    answers = [await client.receive() for client in clients]
    for client in clients:
        client.close()
    return [answer.status for answer in answers]


def test_requests_of_one_turn_share_a_call(tmp_path: Path) -> None:
    model = Watched()

    async def main() -> None:
        async with running(tmp_path, model) as server:
            client = await server.connect()
            model.sizes.clear()
            await client.send(request("POST", INFER, json.dumps(question(ROW)).encode()) * 20)
            for _ in range(20):
                assert (await client.receive()).status == 200
            client.close()

    run(main)
    assert sum(model.sizes) == 20
    assert len(model.sizes) < 20


def test_a_wrong_request_and_one_that_fails_the_model_do_not_touch_the_others(
    tmp_path: Path,
) -> None:
    wrong, failing = [1.0, 1.0, 0.0, 0.0], [1.0, 66.0, 0.0, 0.0]
    bodies = [question(row) for row in (ROW, wrong, ROW, failing, ROW, wrong, ROW)]

    async def main() -> None:
        async with running(tmp_path, Watched()) as server:
            statuses = await _all(server, bodies)
            assert statuses == [200, 422, 200, 500, 200, 422, 200]
            assert server.reports == ["the model failed: 66"]

    run(main)
    assert sorted(record.status for record in records(tmp_path / "spool")) == [
        *[200] * 4,
        *[422] * 2,
        500,
    ]


def test_a_slow_model_leaves_the_loop_free(tmp_path: Path) -> None:
    model = Watched(0.05)

    async def main() -> None:
        async with running(tmp_path, model) as server:
            model.threads.clear()
            asking = asyncio.create_task(_all(server, [question(ROW)] * 5))
            while not model.threads:
                assert (await server.ask("/v2/health/live")).status == 200
            assert await asking == [200] * 5

    run(main)
    assert all(name.startswith("model") for name in model.threads)


def test_a_large_request_is_cut_into_calls(tmp_path: Path) -> None:
    rows = [[float(number), 18.0 + number % 40, 0.0, 0.0] for number in range(5000)]
    model = Watched()

    async def main() -> None:
        async with running(tmp_path, model) as server:
            model.sizes.clear()
            answer = await server.ask(INFER, question(*rows))
            scores = json.loads(answer.body)["outputs"][0]["data"]
            assert scores == pytest.approx(expected(rows), abs=1e-6)

    run(main)
    assert max(model.sizes) <= 1024
    (record,) = records(tmp_path / "spool")
    assert np.frombuffer(record.inputs, "<f4").reshape(-1, 4).tolist() == rows


def test_what_would_wait_too_long_is_shed_and_recorded(tmp_path: Path) -> None:
    rows = [[1.0, 20.0, 0.0, 0.0]] * 6000

    async def main() -> None:
        async with running(tmp_path, Watched(0.01)) as server:
            statuses = await _all(server, [question(*rows)] * 8)
            assert set(statuses) == {200, 503}

    run(main)
    found = records(tmp_path / "spool")
    assert len(found) == 8
    assert {record.refusal for record in found if record.status == 503} == {
        "too many requests wait"
    }


def test_what_is_shed_gets_a_name_of_its_own_where_its_caller_gave_none_that_is_one(
    tmp_path: Path,
) -> None:
    rows = [[1.0, 20.0, 0.0, 0.0]] * 6000
    answers: list[Answer] = []

    async def main() -> None:
        async with running(tmp_path, Watched(0.01)) as server:
            clients = [await server.connect() for _ in range(8)]
            for place, client in enumerate(clients):
                given = {"x-goldenpath-prediction-id": "no name" if place > 3 else f"{place:032x}"}
                body = json.dumps(question(*rows)).encode()
                client.writer.write(request("POST", INFER, body, given))
            answers.extend([await client.receive() for client in clients])

    run(main)
    assert {answer.status for answer in answers} >= {200, 503}
    told = {answer.headers["x-goldenpath-prediction-id"] for answer in answers}
    found = records(tmp_path / "spool")
    assert len(found) == 8 and {record.prediction_id for record in found} == told
    assert all(len(bytes.fromhex(name)) == 16 for name in told)


class Broken:
    """A model that breaks its word: it raises what no model may raise, after the warm-up."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.is_warm = False

    def predict(self, rows: Rows) -> Scores:
        """As promised while warming up."""
        time.sleep(self._seconds)
        if self.is_warm:
            raise ZeroDivisionError
        return np.full(len(rows), 0.5, dtype=np.float32)


@pytest.mark.parametrize("seconds", [0.0, 0.01], ids=["in the loop", "aside"])
def test_a_fault_of_ours_leaves_no_caller_waiting(tmp_path: Path, seconds: float) -> None:
    model = Broken(seconds)
    reported: list[object] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: reported.append(context.get("exception"))
        )
        async with running(tmp_path, model) as server:
            model.is_warm = True
            assert await _all(server, [question(ROW)] * 3) == [500] * 3
            model.is_warm = False
            assert await _all(server, [question(ROW)] * 3) == [200] * 3

    run(main)
    assert all(isinstance(fault, ZeroDivisionError) for fault in reported)
    assert reported


class Paced(Watched):
    """A model that takes 20 microseconds for each row."""

    def predict(self, rows: Rows) -> Scores:
        """Slowly, so that many rows are a slow batch."""
        time.sleep(len(rows) * 20e-6)
        return super().predict(rows)


def most_in_between(folder: Path, count: int) -> int:
    """The most rows of one large request that are scored while a small one of another waits."""
    rows = [[float(number), 18.0 + number % 40, 0.0, 0.0] for number in range(count)]
    model, between = Paced(), list[int]()

    async def main() -> None:
        async with running(folder, model) as server:
            model.sizes.clear()
            large = asyncio.create_task(server.ask(INFER, question(*rows)))
            other = await server.connect()
            while not model.sizes:
                await asyncio.sleep(0)
            for _ in range(5):
                before = sum(model.sizes)
                await other.send(request("POST", INFER, json.dumps(question(ROW)).encode()))
                assert (await other.receive()).status == 200
                assert not large.done()
                between.append(sum(model.sizes) - before)
            other.close()
            scores = json.loads((await large).body)["outputs"][0]["data"]
            exact = np.concatenate([linear_model().predict(np.array(rows[at : at + 64], np.float32))
                                    for at in range(0, count, 64)])  # fmt: skip
            assert np.array(scores, np.float32).tolist() == pytest.approx(exact.tolist(), abs=1e-6)

    run(main)
    assert len(records(folder / "spool")) == 6
    return max(between)


def test_a_larger_request_lets_others_wait_no_longer(tmp_path: Path) -> None:
    few, many = most_in_between(tmp_path / "few", 2_000), most_in_between(tmp_path / "many", 8_000)

    # A piece has 64 or 256 rows; a few can be scored before the small request is read.
    assert few <= 1_024
    assert many <= 1_024


def test_large_requests_take_turns(tmp_path: Path) -> None:
    model = Paced()
    done: list[int] = []

    async def main() -> None:
        async with running(tmp_path, model) as server:

            async def ask(count: int) -> None:
                answer = await server.ask(INFER, question(*[ROW] * count))
                assert answer.status == 200
                done.append(count)

            first = asyncio.create_task(ask(6_000))
            while not model.sizes or max(model.sizes[-1:]) < 64:
                await asyncio.sleep(0)
            await asyncio.gather(first, ask(1_500))

    run(main)
    assert done == [1_500, 6_000]


def test_a_failing_row_of_a_slow_batch_touches_its_own_request_alone(tmp_path: Path) -> None:
    failing = [1.0, 66.0, 0.0, 0.0]
    bodies = [question(*[ROW] * 700), question(*[ROW] * 699, failing), question(*[ROW] * 10)]

    async def main() -> None:
        async with running(tmp_path, Paced()) as server:
            assert await _all(server, bodies) == [200, 500, 200]
            assert server.reports == ["the model failed: 66"]

    run(main)
