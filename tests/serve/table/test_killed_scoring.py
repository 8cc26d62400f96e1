"""A run that SIGKILL ends is continued: no row is lost, none is twice, written parts stay."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from goldenpath.serve.table.batch_scoring import ScoreOptions, score_table
from tests.serve.table.test_batch_scoring import CONTRACT, Server
from tests.sizes import at_size

ROWS, PART = 1_000, 100
SEEDS = at_size(1, 6)
_PROGRAM = """
import sys, time
from pathlib import Path
from goldenpath.serve.table.batch_scoring import ScoreOptions, score_table
from tests.serve.table.test_batch_scoring import CONTRACT, Server

server = Server()

def slow(calls):
    time.sleep(0.02)
    return server(calls)

wish = ScoreOptions(Path(sys.argv[1]), Path(sys.argv[2]), part_rows=100, batch_rows=50)
score_table("dev/it", CONTRACT, wish, slow, report=print)
"""


def _killed(folder: Path, parts: int) -> int:
    """Run the scoring in a process, and kill it once so many parts are there. Returns them."""
    wish = (str(folder / "rows.parquet"), str(folder / "out.parquet"))
    written = folder / "out.parquet.parts"
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, *wish],
        stdout=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:  # fmt: skip
        deadline = time.monotonic() + 60
        while len([*written.glob("0*.parquet")]) < parts and time.monotonic() < deadline:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        assert process.wait(20) == -signal.SIGKILL, "it ended before it was killed"
    return len([*written.glob("0*.parquet")])


@pytest.mark.parametrize("parts", range(1, at_size(2, 7)))
def test_a_run_goes_on_after_sigkill(tmp_path: Path, parts: int) -> None:
    values = [float(row % 100) for row in range(ROWS)]
    pq.write_table(pa.table({"x": values}), tmp_path / "rows.parquet")
    done = _killed(tmp_path, parts)
    assert not (tmp_path / "out.parquet").exists()
    server = Server()

    wish = ScoreOptions(
        tmp_path / "rows.parquet", tmp_path / "out.parquet", part_rows=PART, batch_rows=50
    )
    result = score_table("dev/it", CONTRACT, wish, server, report=lambda _: None)

    table = pq.read_table(tmp_path / "out.parquet")
    assert (result.rows, result.resumed) == (ROWS, done * PART)
    assert len(server.asked) == ROWS - done * PART, "a part that was written is not asked for again"
    assert table["row"].to_pylist() == [*range(ROWS)]
    scores = table["score"].to_numpy()
    assert np.rint(scores * 100).tolist() == values
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_run_that_is_killed_at_random_moments_ends_whole(tmp_path: Path, seed: int) -> None:
    values = [float(row % 100) for row in range(ROWS)]
    pq.write_table(pa.table({"x": values}), tmp_path / "rows.parquet")
    moments = np.random.default_rng(seed)
    kills = 0
    while not (tmp_path / "out.parquet").exists() and kills < 20:
        with subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, str(tmp_path / "rows.parquet"),
             str(tmp_path / "out.parquet")],
            stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        ) as process:  # fmt: skip
            assert process.stdout is not None
            # It prints a line for each part: the moment is some time after one of them.
            for _ in range(moments.integers(1, 4)):
                process.stdout.readline()
            time.sleep(moments.random() * 0.1)
            process.send_signal(signal.SIGKILL)
            kills += process.wait(20) == -signal.SIGKILL

    assert kills > 1
    wish = ScoreOptions(
        tmp_path / "rows.parquet", tmp_path / "out.parquet", part_rows=PART, batch_rows=50
    )
    if not (tmp_path / "out.parquet").exists():
        score_table("dev/it", CONTRACT, wish, Server(), report=lambda _: None)
    table = pq.read_table(tmp_path / "out.parquet")
    assert table["row"].to_pylist() == [*range(ROWS)]
    assert np.rint(table["score"].to_numpy() * 100).tolist() == values


_MEASURED = """
import resource, sys
from pathlib import Path
from goldenpath.serve.table.batch_scoring import ScoreOptions, score_table
from tests.serve.table.test_batch_scoring import CONTRACT, Server

server = Server()

def ask(calls):
    replies = server(calls)
    server.asked.clear()
    return replies

wish = ScoreOptions(Path(sys.argv[1]), Path(sys.argv[2]))
score_table("dev/it", CONTRACT, wish, ask, report=lambda _: None)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_table(tmp_path: Path) -> None:
    peaks = []
    for rows in (40_000, at_size(320_000, 4_000_000)):
        data = tmp_path / f"{rows}.parquet"
        pq.write_table(pa.table({"x": np.arange(rows) % 100 * 1.0}), data, row_group_size=10_000)
        measured = subprocess.run(
            [sys.executable, "-c", _MEASURED, str(data), str(tmp_path / f"{rows}-out.parquet")],
            stdout=subprocess.PIPE, check=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip
        peaks.append(int(measured.stdout) / 1024)

    assert peaks[1] - peaks[0] < 60, f"MiB: {peaks}"
