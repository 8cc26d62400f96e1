"""Rows a second of `goldenpath score`, beside onnxruntime called directly on the same file.

Both read the same Parquet file, part by part, and write a table of answers. The direct one is one
process with one thread. Ours asks a server on one core, which records every answer, from another;
the observer works beside it. Both orders of a pair are taken in turn.
"""

import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import onnxruntime
import pyarrow as pa
import pyarrow.parquet as pq

from bench.measurement import Measurement
from bench.serving import WIDTH, _launch, _observer, _ours
from goldenpath.digest import Digest
from goldenpath.http.client import post_all
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.processes.launch import ServerConfiguration
from goldenpath.project.contract import parse_contract
from goldenpath.project.spec import Contract
from goldenpath.release.artifact.pack import CONTRACT
from goldenpath.release.artifact.unpack import open_release
from goldenpath.serve.table.batch_scoring import PART_ROWS, ScoreOptions, score_table

ROWS = 400_000
ROUNDS = 5
GOAL = 0.5


def run(rows: int = ROWS) -> Iterator[Measurement]:
    """The ratio, and both rates."""
    with tempfile.TemporaryDirectory(prefix="goldenpath-bench-") as name:
        folder = Path(name)
        launch = _launch(folder)
        contract = _contract(folder, launch)
        data = _table(folder, contract, rows)
        ours: list[float] = []
        direct: list[float] = []
        with (
            _observer(folder / "home", launch.source.path, "1"),
            _ours(launch, "scoring", str(folder / "home" / "spool")) as server,
        ):
            address = server.address
            for number in range(ROUNDS):
                pair = [
                    (ours, partial(_scored, contract, address, data, folder / "ours.parquet")),
                    (direct, partial(_direct, contract, data, folder)),
                ]
                for seconds, step in reversed(pair) if number % 2 else pair:
                    start = time.perf_counter()
                    step()
                    seconds.append(time.perf_counter() - start)
                (folder / "ours.parquet").unlink()
        ratios = sorted(theirs / mine for mine, theirs in zip(ours, direct, strict=True))
        value = median(ratios)
        note = (
            f"rounds {ratios[0]:.2f} to {ratios[-1]:.2f}; {rows / median(ours):.0f} and "
            f"{rows / median(direct):.0f} rows/s"
        )
        yield Measurement(
            19, "score / onnxruntime called directly, rows/s", value, "1", GOAL, value >= GOAL, note
        )


def _contract(folder: Path, launch: ServerConfiguration) -> Contract:
    store = LayoutStore(folder / "registry")
    return parse_contract(open_release(store, Digest(launch.digest)).files[CONTRACT])


def _table(folder: Path, contract: Contract, rows: int) -> Path:
    random, path = np.random.default_rng(7), folder / "rows.parquet"
    columns = {
        each.name: random.normal(0, 1, rows) if each.kind == "number"
        else random.integers(0, 10, rows).astype(np.float64)
        for each in contract.features
    }  # fmt: skip
    pq.write_table(pa.table(columns), path)
    return path


def _scored(contract: Contract, address: str, data: Path, out: Path) -> None:
    ask = partial(post_all, address, f"/v2/models/{contract.name}/infer", concurrency=4)
    score_table("bench/credit", contract, ScoreOptions(data, out), ask, report=_silent)


def _direct(contract: Contract, data: Path, folder: Path) -> None:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        str(folder / "outputs" / "model.onnx"), options, providers=["CPUExecutionProvider"]
    )
    name, names = session.get_inputs()[0].name, [each.name for each in contract.features]
    scores: list[Sequence[float]] = []
    for batch in pq.ParquetFile(data).iter_batches(batch_size=PART_ROWS, columns=names):
        values = np.column_stack([column.to_numpy() for column in batch.columns])
        assert values.shape[1] == WIDTH
        scores.append(session.run(None, {name: values.astype(np.float32)})[-1])
    pq.write_table(pa.table({"score": np.concatenate(scores).ravel()}), folder / "direct.parquet")


def _silent(line: str) -> None:
    """The progress of the verb, which the table of the bench has no place for."""
