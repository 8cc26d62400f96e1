"""A long prediction log: what it takes to check it, to find a prediction, and to prove it is held.

`python -m bench long_log` makes 2,400 segments of 100 predictions; LOG_SEGMENTS and LOG_ROWS name
others. 100,000 segments of 100 take about 1.5 GB below the temporary folder and some 15 minutes.
The records of all segments are alike but for ids, numbers and times; all signatures are real.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tests.observe.spooling import DIGEST, FACTS, answer, draw, header

from bench.measurement import Measurement
from goldenpath.audit.answers.predictions import summarise
from goldenpath.digest import Digest
from goldenpath.home import Home
from goldenpath.merkle_tree import inclusion_proof, tree_head
from goldenpath.observe.log.log_check import check_log
from goldenpath.observe.log.log_reader import locate_prediction, log_public_key
from goldenpath.observe.log.records import Block, names, to_table
from goldenpath.observe.log.segment import BEGINNING, Checkpoint, render_checkpoint
from goldenpath.observe.log.segments.checked_parts import CheckedParts
from goldenpath.observe.log.segments.compaction import FULL
from goldenpath.observe.log.segments.packed_file import SegmentContent, packed_name, render_packed
from goldenpath.observe.log.segments.stored_segments import stored_segments, units_of
from goldenpath.observe.log.subject_keys import Subjects
from goldenpath.observe.log.trees.record_tree import tree_of_records
from goldenpath.release.attest.keys import generate_key

Result = TypeVar("Result")
_SEALED = 100_000
SEGMENTS = int(os.environ.get("LOG_SEGMENTS", "2400"))
ROWS = int(os.environ.get("LOG_ROWS", "100"))
_DAY, _TIME = "2026-11-22 prod", "2026-11-22T09:30:00.000000Z"
_CHECKPOINT = Checkpoint(
    stage="prod", model="credit", slot="stable", replica="r1", release=DIGEST, number=0,
    previous=BEGINNING, content="", rows=ROWS, requests=ROWS, refused=0, first_sequence=0,
    last_sequence=0, lost=0, lost_rows=0, lost_spans="", first_time=_TIME, last_time=_TIME,
    sealed_at=_TIME, spool="prod.credit.r1.0001.spool", begin=0, end=1, is_last=True, torn=0,
    end_of_writer="closed",
)  # fmt: skip


def run() -> Iterator[Measurement]:
    """Every figure."""
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        wanted = make_log(home, SEGMENTS, ROWS)
        size = sum(each.stat().st_size for each in home.predictions.rglob("*.parquet")) / 1e6
        note = f"{SEGMENTS:,} segments, {SEGMENTS * ROWS:,} predictions, {size:,.0f} MB"
        started = time.process_time()
        seconds, report = _timed(lambda: check_log(home))
        own = size / (time.process_time() - started)
        if not report.holds or report.records != SEGMENTS * ROWS:
            raise OSError(f"the log that was made does not hold: {report.faults[:3]}")
        speed = size / seconds
        yield Measurement(16, "log check", speed, "MB/s", 50, speed >= 50, note)
        yield Measurement(16, "log check, for each second of CPU", own, "MB/s", 50, own >= 50)
        cold, _ = _timed(lambda: locate_prediction(home, wanted))
        yield Measurement(16, "trace: find a prediction, without an index", cold, "s")
        warm = _timed(lambda: _traced(home, wanted))[0]
        yield Measurement(16, "trace: find, check and count", warm, "s", 2, warm < 2, note)
        held = _timed(lambda: _held(home))[0]
        yield Measurement(16, "prove: that a segment is held", held, "s", 2, held < 2, note)
        # A table is sealed in one piece.
        many = pa.concat_tables([_pattern(home)] * (_SEALED // ROWS)).combine_chunks()
        started = time.process_time()
        sealed = _timed(lambda: tree_of_records(many))[0]
        own = time.process_time() - started
        name = f"the tree that a checkpoint over {_SEALED:,} records signs"
        yield Measurement(16, name, sealed, "s", 0.2, sealed < 0.2)
        yield Measurement(16, f"{name}, CPU", own, "s", 0.2, own < 0.2)


def _pattern(home: Home) -> pa.Table:
    segment = next(iter(stored_segments(home.predictions)))
    return pq.read_table(segment.source())


def make_log(home: Home, segments: int, rows: int) -> str:
    """Make a packed log, and return the id of a prediction in the middle."""
    signer, subjects = generate_key(home.log_key), Subjects(home.keys)
    row = draw(1, 1)
    block = Block.of(header(), [answer(number, row) for number in range(rows)])
    pattern = to_table(block, FACTS, subjects.keep(names(block, _DAY), _DAY), _DAY)
    subjects.close()
    folder = home.predictions / "prod" / "credit"
    folder.mkdir(parents=True)
    wanted, previous = "", BEGINNING
    for first in range(0, segments, FULL.segments):
        contents = list[SegmentContent]()
        for number in range(first, min(first + FULL.segments, segments)):
            table, name = _table(pattern, number * rows)
            sealed = replace(
                _CHECKPOINT, number=number, previous=previous, content=Digest.of(table).text,
                first_sequence=number * rows, last_sequence=(number + 1) * rows - 1,
            )  # fmt: skip
            signed = render_checkpoint(sealed, signer)
            previous = Digest.of(signed).text
            contents.append(SegmentContent(f"20261122T09-r1-{number}", signed, table))
            wanted = name if number == segments // 2 else wanted
        content = render_packed(("prod", "credit", "r1"), contents, no_rows=b"", signer=signer)
        (folder / packed_name(contents, "r1")).write_bytes(content)
    return wanted


def _table(pattern: pa.Table, first: int) -> tuple[bytes, str]:
    total = pattern.num_rows
    text = os.urandom(16 * total).hex()
    ids = [f"{text[at : at + 32]}-0" for at in range(0, 32 * total, 32)]
    for name, values in (
        ("prediction_id", pa.array(ids)),
        ("sequence", pa.array(np.arange(first, first + total))),
    ):
        place = pattern.schema.get_field_index(name)
        pattern = pattern.set_column(place, pattern.schema.field(place), values)
    sink = pa.BufferOutputStream()
    pq.write_table(pattern, sink, compression="zstd")
    return sink.getvalue().to_pybytes(), ids[total // 2]


def _traced(home: Home, wanted: str) -> None:
    """What `trace` does with the log, the second time that somebody asks."""
    segment, _ = locate_prediction(home, wanted)
    if segment.number != SEGMENTS // 2:
        raise OSError("another prediction was found")
    check_log(home, remembers=True)
    if summarise(home, Digest(DIGEST), datetime(2027, 1, 1, tzinfo=UTC)) is None:
        raise OSError("nothing was counted")


def _held(home: Home) -> None:
    leaves: list[bytes] = []
    with CheckedParts(home, log_public_key(home)) as parts:
        for unit in units_of(stored_segments(home.predictions)):
            leaves += parts.leaves(unit)
    tree_head(leaves)
    inclusion_proof(leaves, len(leaves) // 2)


def _timed(act: Callable[[], Result]) -> tuple[float, Result]:
    start = time.perf_counter()
    result = act()
    return time.perf_counter() - start, result
