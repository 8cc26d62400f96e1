"""Scores a table of any size by a served model, part by part, and writes the answers as a table.

The model server answers, so contract, policy, records, drift and trace are those of every caller.
A part is written whole before the next one is asked for. After a crash the same command goes on
with the first missing part; what was asked and not written is asked, and recorded, again.
"""

import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from goldenpath.errors import InvalidInput
from goldenpath.files import take_lock, write_whole
from goldenpath.project.data_digest import digest_file
from goldenpath.project.spec import Contract
from goldenpath.project.task.feature_parts import declared_names
from goldenpath.serve.table.asked_rows import BATCH_ROWS, Ask, AskedRows, Asking
from goldenpath.train.data.table_file import batches

PART_ROWS = 20_000
"""Rows that are in memory at a time, and that a crash may cost."""
FORMATS = (".parquet", ".arrow", ".csv")


@dataclass(frozen=True, slots=True)
class ScoreOptions:
    """Options of scoring a table."""

    data: Path
    out: Path
    keep: tuple[str, ...] = ()
    """Columns of the data that stand beside the answers."""
    subject: str = ""
    """Column with the person whom a row is about."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Labels for every record: process, channel."""
    part_rows: int = PART_ROWS
    batch_rows: int = BATCH_ROWS

    @property
    def asking(self) -> Asking:
        """What stands beside the rows in requests and answers."""
        return Asking(self.subject, self.keep, self.labels)


@dataclass(frozen=True, slots=True)
class Scored:
    """The result of scoring a table."""

    rows: int
    refused: int
    """Rows without an answer: the contract refuses them, or the model failed."""
    resumed: int
    """Rows that an earlier run of the same command had written."""
    seconds: float
    releases: Mapping[str, int]
    """Rows by the digest that answered."""
    outcomes: Mapping[str, int]
    """Rows by outcome of the decision policy, or by class."""


class _Job(msgspec.Struct, frozen=True):
    """What one result is made of. A result of another job is never continued."""

    model: str
    data: str
    columns: list[str]
    part_rows: int


def score_table(
    name: str,
    contract: Contract,
    wish: ScoreOptions,
    ask: Ask,
    *,
    report: Callable[[str], None],
    sleep: Callable[[float], None] = time.sleep,
) -> Scored:
    """Score the rows of a file and write `wish.out`; `name` is `STAGE/MODEL`.

    Raises `InvalidInput` if the result is there already or belongs to another job, and
    `Unavailable` if the model stops answering: then the same call goes on where it ended.
    """
    _refuse_result(wish.out)
    began = time.monotonic()
    parts = wish.out.with_name(f"{wish.out.name}.parts")
    parts.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        lock = stack.enter_context((parts / "lock").open("a"))
        if not take_lock(lock, wait=False):
            raise InvalidInput(f"another process writes {wish.out}", hint="wait for its end")
        resumed = _begin(parts, _job(name, contract, wish))
        if resumed:
            report(f"going on after {resumed * wish.part_rows} rows")
        asked = AskedRows(contract, ask, sleep, wish.batch_rows)
        for number, table in enumerate(_tables(wish, _columns(contract, wish))):
            if number < resumed:
                continue
            answers = asked.answers(table, wish.asking, number * wish.part_rows)
            sink = pa.BufferOutputStream()
            pq.write_table(answers, sink, compression="zstd")
            write_whole(_part(parts, number), sink.getvalue().to_pybytes())
            report(f"{number * wish.part_rows + answers.num_rows} rows")
        summary = _merge(parts, wish.out)
    shutil.rmtree(parts, ignore_errors=True)
    rows, refused, releases, outcomes = summary
    return Scored(
        rows=rows,
        refused=refused,
        resumed=min(resumed * wish.part_rows, rows),
        seconds=round(time.monotonic() - began, 3),
        releases=dict(releases),
        outcomes=dict(outcomes),
    )


def _refuse_result(out: Path) -> None:
    if out.suffix not in FORMATS:
        raise InvalidInput(
            f"{out} has the ending {out.suffix!r}: expected one of {', '.join(FORMATS)}"
        )
    if out.exists():
        raise InvalidInput(f"{out} exists already", hint="name another file, or remove it")


def _job(name: str, contract: Contract, wish: ScoreOptions) -> _Job:
    digest = digest_file(wish.data).text
    return _Job(name, digest, _columns(contract, wish), wish.part_rows)


def _columns(contract: Contract, wish: ScoreOptions) -> list[str]:
    names = declared_names(contract)
    more = [*wish.keep, *([wish.subject] if wish.subject else [])]
    return list(dict.fromkeys([*names, *more]))


def _begin(parts: Path, job: _Job) -> int:
    """Return how many parts of this job are there. Raises `InvalidInput` for another job."""
    file = parts / "job.json"
    content = msgspec.json.encode(job)
    if not file.exists():
        write_whole(file, content)
    elif file.read_bytes() != content:
        raise InvalidInput(
            f"{parts} has parts of another job: other data, columns or model",
            hint=f"remove {parts}, or name another result",
        )
    number = 0
    while _part(parts, number).exists():
        number += 1
    return number


def _part(parts: Path, number: int) -> Path:
    return parts / f"{number:08}.parquet"


def _tables(wish: ScoreOptions, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Yield the rows as tables of as many rows; only the last one has fewer."""
    size = wish.part_rows
    waiting: list[pa.RecordBatch] = []
    count = 0
    for batch in batches(wish.data, size, columns):
        waiting.append(batch)
        count += batch.num_rows
        while count >= size:
            table = _joined(waiting)
            yield table.slice(0, size)
            rest = table.slice(size)
            waiting, count = rest.to_batches(), rest.num_rows
    if count:
        yield _joined(waiting)


def _joined(parts: Sequence[pa.RecordBatch]) -> pa.Table:
    tables = [pa.Table.from_batches([part]) for part in parts]
    return pa.concat_tables(tables, promote_options="permissive")


def _merge(parts: Path, out: Path) -> tuple[int, int, Counter[str], Counter[str]]:
    """Write the result from its parts under another name, rename it, and count its rows."""
    rows, refused, releases, outcomes = 0, 0, Counter[str](), Counter[str]()
    files = sorted(parts.glob("*.parquet"))
    if not files:
        raise InvalidInput("the data have no rows: expected a table with rows")
    # A column of a part may hold nothing, so its type follows from all parts.
    schema = pa.unify_schemas(
        [pq.read_schema(file) for file in files], promote_options="permissive"
    )
    partial = out.with_name(f".{out.name}.partial")
    with ExitStack() as stack:
        write = _writer(partial, out.suffix, schema, stack)
        for file in files:
            table = pq.read_table(file).cast(schema)
            write(table)
            rows += table.num_rows
            refused += table.num_rows - table["refused"].null_count
            releases.update(_counted(table, "release"))
            name = next((each for each in ("outcome", "class") if each in table.column_names), "")
            outcomes.update(_counted(table, name) if name else {})
    partial.replace(out)
    return rows, refused, releases, outcomes


def _counted(table: pa.Table, name: str) -> Mapping[str, int]:
    return Counter(str(value) for value in table[name].drop_null().to_pylist())


def _writer(
    path: Path, suffix: str, schema: pa.Schema, stack: ExitStack
) -> Callable[[pa.Table], None]:
    if suffix == ".csv":
        csv = stack.enter_context(pyarrow.csv.CSVWriter(path, schema))
        return lambda table: csv.write_table(table)
    if suffix == ".arrow":
        file = stack.enter_context(pa.ipc.new_file(str(path), schema))
        return lambda table: file.write_table(table)
    parquet = stack.enter_context(pq.ParquetWriter(path, schema, compression="zstd"))
    return lambda table: parquet.write_table(table)
