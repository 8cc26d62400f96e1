"""A table is scored part by part; what was written is never asked for again."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from goldenpath.errors import InvalidInput, Unavailable
from goldenpath.http.client import Call, TimedReply
from goldenpath.project.spec import Band, Contract, DecisionPolicy, Feature, MonitorSettings
from goldenpath.serve.table.asked_rows import MOST_ATTEMPTS
from goldenpath.serve.table.batch_scoring import Scored, ScoreOptions, score_table

POLICY = DecisionPolicy((Band("low", 0.5, "accept"), Band("high", 1.01, "decline")))
CONTRACT = Contract(
    "it", (Feature("x", "number", minimum=0, maximum=100),), "p", POLICY, MonitorSettings()
)
ROWS = 100


class Server:
    """A server that gives `x / 100`; it fails as its fields say."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self.refused: list[float] = []
        self.dies_after = 10**9
        self.cannot_score: frozenset[float] = frozenset()
        self.busy = 0

    def __call__(self, calls: Sequence[Call]) -> list[TimedReply]:
        return [self._answer(number, *call) for number, call in enumerate(calls)]

    def _answer(self, number: int, headers: Iterable[tuple[str, str]], body: bytes) -> TimedReply:
        if len(self.asked) >= self.dies_after:
            raise KeyboardInterrupt
        if self.busy:
            self.busy -= 1
            return TimedReply(number, 503, {}, b"", 0.0)
        size = int(dict(headers)["inference-header-content-length"])
        values = np.frombuffer(body[size:], "<f4")
        answered = {"x-goldenpath-release": "sha256:1", "x-goldenpath-prediction-id": "id"}
        if not np.isfinite(values).all() or (values > 100).any():
            self.refused += values.tolist()
            return TimedReply(number, 422, answered, b'{"error": "no"}', 0.0)
        if self.cannot_score & {*values.tolist()}:
            return TimedReply(number, 500, answered, b'{"error": "no score"}', 0.0)
        self.asked += values.tolist()
        raw = (values / 100).astype("<f4").tobytes()
        head = msgspec.json.encode({"outputs": []})
        answered["inference-header-content-length"] = str(len(head))
        return TimedReply(number, 200, answered, head + raw, 0.0)


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def wish(tmp_path: Path) -> ScoreOptions:
    values = [float(row) for row in range(ROWS)]
    pq.write_table(pa.table({"x": values, "client": range(ROWS)}), tmp_path / "rows.parquet")
    return ScoreOptions(
        tmp_path / "rows.parquet",
        tmp_path / "out.parquet",
        keep=("client",),
        part_rows=40,
        batch_rows=16,
    )


def scored(server: Server, wish: ScoreOptions) -> Scored:
    return score_table(
        "dev/it", CONTRACT, wish, server, report=lambda _: None, sleep=lambda _: None
    )


def test_every_row_gets_its_answer_in_the_order_of_the_table(
    server: Server, wish: ScoreOptions
) -> None:
    result = scored(server, wish)
    table = pq.read_table(wish.out)

    assert (result.rows, result.refused, result.resumed) == (ROWS, 0, 0)
    assert table["client"].to_pylist() == table["row"].to_pylist() == [*range(ROWS)]
    np.testing.assert_allclose(table["score"].to_numpy(), np.arange(ROWS) / 100, atol=1e-6)
    assert result.outcomes == {"accept": 50, "decline": 50}
    assert table["prediction"].to_pylist()[:2] == ["id-0", "id-1"]
    assert not Path(wish.out).with_name("out.parquet.parts").exists()


def test_a_killed_run_goes_on_after_the_last_part_that_was_written(
    server: Server, wish: ScoreOptions
) -> None:
    server.dies_after = 50
    with pytest.raises(KeyboardInterrupt):
        scored(server, wish)
    assert not Path(wish.out).exists()
    asked, server.asked, server.dies_after = server.asked, [], 10**9

    result = scored(server, wish)

    assert len(asked) >= 40
    assert min(server.asked) == 40, "the part that was written is not asked for again"
    assert (result.rows, result.resumed) == (ROWS, 40)
    assert pq.read_table(wish.out)["row"].to_pylist() == [*range(ROWS)]


def test_parts_of_other_data_are_never_continued(server: Server, wish: ScoreOptions) -> None:
    server.dies_after = 50
    with pytest.raises(KeyboardInterrupt):
        scored(server, wish)
    pq.write_table(pa.table({"x": [1.0], "client": [1]}), wish.data)

    with pytest.raises(InvalidInput, match="parts of another job"):
        scored(server, wish)


def test_refused_rows_are_named_and_asked_for_too(server: Server, wish: ScoreOptions) -> None:
    pq.write_table(pa.table({"x": [1.0, 101.0, None], "client": [7, 8, 9]}), wish.data)

    result = scored(server, wish)
    table = pq.read_table(wish.out).to_pylist()

    assert result.refused == 2
    assert table[1]["refused"] == "column x: expected 0 to 100, got 101"
    assert table[2]["refused"] == "column x: expected 0 to 100, got nothing"
    assert [row["score"] for row in table[1:]] == [None, None]
    assert table[1]["outcome"] is None
    assert len(server.refused) == 2, "a refusal counts for drift"


def test_a_row_that_the_model_cannot_score_gets_the_fallback_and_no_other_row(
    server: Server, wish: ScoreOptions
) -> None:
    server.cannot_score = frozenset({13.0})

    result = scored(server, wish)
    failed = [row for row in pq.read_table(wish.out).to_pylist() if row["refused"]]

    assert result.refused == 1
    assert [(row["row"], row["outcome"], row["score"]) for row in failed] == [(13, "refer", None)]
    assert "no score (500)" in failed[0]["refused"]


def test_a_busy_server_is_asked_again_and_a_lost_one_ends_the_run(
    server: Server, wish: ScoreOptions
) -> None:
    server.busy = 3
    assert scored(server, wish).rows == ROWS
    Path(wish.out).unlink()
    server.busy = 10**9

    with pytest.raises(Unavailable, match="does not answer"):
        scored(server, wish)
    requests = -(-wish.part_rows // wish.batch_rows)
    assert 10**9 - server.busy == MOST_ATTEMPTS * requests, "the next part is not asked for then"


@pytest.mark.parametrize("ending", ["csv", "arrow"])
def test_the_result_has_the_format_of_its_name(
    ending: str, server: Server, wish: ScoreOptions
) -> None:
    out = Path(wish.out).with_suffix(f".{ending}")

    scored(server, replace(wish, out=out))

    if ending == "csv":
        assert pyarrow.csv.read_csv(out).num_rows == ROWS
    else:
        assert pa.ipc.open_file(pa.memory_map(str(out))).read_all().num_rows == ROWS


def test_a_result_that_is_there_or_has_another_ending_is_refused(
    server: Server, wish: ScoreOptions
) -> None:
    scored(server, wish)

    with pytest.raises(InvalidInput, match="exists already"):
        scored(server, wish)
    with pytest.raises(InvalidInput, match=r"expected one of \.parquet"):
        scored(server, replace(wish, out=Path(wish.out).with_suffix(".xlsx")))
