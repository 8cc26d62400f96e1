"""Scores data of any size by a served model, part by part, and writes the answers as a table.

The model server answers, so contract, policy, records, drift and trace are those of every caller.
While it answers one part, the one before is written and the next one is read: two parts are in
memory. After a crash the same command goes on with the first missing part; what was asked and not
written is asked, and recorded, again.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from goldenpath.errors import InvalidInput
from goldenpath.parsers.parquet_bytes import parquet_in, table_in
from goldenpath.project.spec import Contract
from goldenpath.project.task.feature_parts import declared_names
from goldenpath.serve.table.asked_rows import (
    BATCH_ROWS,
    AnsweredRows,
    Ask,
    AskedRows,
    Asking,
    PreparedRows,
)
from goldenpath.serve.table.result_folder import ResultFolder
from goldenpath.serve.table.result_place import FORMATS, ResultPlace, table_writer
from goldenpath.serve.table.scored_data import DataFile, data_files
from goldenpath.settings import ObjectStore
from goldenpath.train.data.table_file import batches

PART_ROWS = 10_000
"""Rows of a part. Two parts are in memory at a time, and a crash may cost both."""
_JOB = "job.json"
_DONE = ".done"
"""The ending of the part that says that a file is done, and how many rows it has."""


@dataclass(frozen=True, slots=True)
class ScoreOptions:
    """Options of scoring a table."""

    data: Path | str
    """A file or a folder, or its URL."""
    out: Path | str
    """A file, or the address of an object in a bucket."""
    keep: tuple[str, ...] = ()
    """Columns of the data that stand beside the answers."""
    subject: str = ""
    """Column with the person whom a row is about."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Labels for every record: process, channel."""
    release: str = ""
    """The digest that has to give every answer; empty for whichever has the traffic."""
    part_rows: int = PART_ROWS
    batch_rows: int = BATCH_ROWS
    bucket: ObjectStore = field(default_factory=ObjectStore)
    """How buckets are reached."""

    @property
    def asking(self) -> Asking:
        """What stands beside the rows in requests and answers."""
        return Asking(self.subject, self.keep, self.labels, self.release)


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
    release: str
    data: list[str]
    """Name and identity of each file."""
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
    """Score the rows of `wish.data` and write `wish.out`; `name` is `STAGE/MODEL`.

    Raises `InvalidInput` if the result is there already or belongs to another job, and
    `Unavailable` if the model stops answering: then the same call goes on where it ended.
    """
    place = _place(wish)
    began = time.monotonic()
    files = data_files(str(wish.data), wish.bucket)
    with place.held():
        resumed = _begin(place, _job(name, contract, wish, files))
        if resumed:
            report(f"going on after {resumed} rows")
        asked = AskedRows(contract, ask, sleep, wish.batch_rows)
        scoring = _Scoring(place, asked, wish, _columns(contract, wish), report)
        first = 0
        for number, file in enumerate(files):
            first = scoring.score(number, file, first)
        summary = _merge(place, wish.out)
        place.clear()
    rows, refused, releases, outcomes = summary
    return Scored(
        rows=rows,
        refused=refused,
        resumed=resumed,
        seconds=round(time.monotonic() - began, 3),
        releases=dict(releases),
        outcomes=dict(outcomes),
    )


@dataclass(frozen=True, slots=True)
class _AskedPart:
    """A part whose answers come, or have come."""

    name: str
    prepared: PreparedRows
    answered: Future[AnsweredRows]


@dataclass(frozen=True, slots=True)
class _Scoring:
    """One run over the files of the data."""

    place: ResultPlace
    asked: AskedRows
    wish: ScoreOptions
    columns: Sequence[str]
    report: Callable[[str], None]

    def score(self, number: int, file: DataFile, first: int) -> int:
        """Score a file whose first row has the number `first`; return the number after its last."""
        marker, names = f"{number:08}{_DONE}", set(self.place.names())
        if marker in names:
            return first + int(self.place.read(marker))
        row, waiting = first, list[_AskedPart]()
        # One thread asks, in the order of the parts.
        with file.here() as path, ThreadPoolExecutor(1) as asker:
            for part, table in enumerate(self._tables(path)):
                name = f"{number:08}-{part:08}.parquet"
                if name not in names:
                    prepared = self.asked.prepared(table, self.wish.asking, row)
                    before = waiting[-1].answered if waiting else None
                    answered = asker.submit(self._ask, prepared, before)
                    waiting.append(_AskedPart(name, prepared, answered))
                row += table.num_rows
                if len(waiting) > 1:
                    self._write(waiting.pop(0))
            for last in waiting:
                self._write(last)
        self.place.write(marker, str(row - first).encode())
        return row

    def _ask(self, prepared: PreparedRows, before: Future[AnsweredRows] | None) -> AnsweredRows:
        if before is not None:
            before.result()  # nothing more is asked of a model that has failed
        return self.asked.ask(prepared, self.wish.asking)

    def _write(self, part: _AskedPart) -> None:
        answers = self.asked.answers(part.prepared, part.answered.result(), self.wish.keep)
        sink = pa.BufferOutputStream()
        pq.write_table(answers, sink, compression="zstd", use_dictionary=False)
        self.place.write(part.name, sink.getvalue().to_pybytes())
        self.report(f"{part.prepared.first + answers.num_rows} rows")

    def _tables(self, path: Path) -> Iterator[pa.Table]:
        """Yield the rows as tables of as many rows; only the last one has fewer."""
        size = self.wish.part_rows
        waiting: list[pa.RecordBatch] = []
        count = 0
        for batch in batches(path, size, self.columns):
            waiting.append(batch)
            count += batch.num_rows
            while count >= size:
                table = _joined(waiting)
                yield table.slice(0, size)
                rest = table.slice(size)
                waiting, count = rest.to_batches(), rest.num_rows
        if count:
            yield _joined(waiting)


def _place(wish: ScoreOptions) -> ResultPlace:
    """Return where the result goes. Raises `InvalidInput` for a name that cannot be, or is."""
    out = str(wish.out)
    suffix = PurePosixPath(out).suffix
    if suffix not in FORMATS:
        raise InvalidInput(f"{out} has the ending {suffix!r}: expected one of {', '.join(FORMATS)}")
    place: ResultPlace
    if out.startswith("s3://"):
        # Object stores are slow to import, and most results are files.
        from goldenpath.serve.table.result_bucket import ResultBucket

        place = ResultBucket(out, wish.bucket)
    elif "://" in out:
        raise InvalidInput(f"{out} is no place for a result: expected a path, or s3://BUCKET/KEY")
    else:
        place = ResultFolder(Path(out))
    if place.is_there():
        raise InvalidInput(f"{out} exists already", hint="name another file, or remove it")
    return place


def _job(name: str, contract: Contract, wish: ScoreOptions, files: Sequence[DataFile]) -> _Job:
    data = [f"{file.name}: {file.identity}" for file in files]
    return _Job(name, wish.release, data, _columns(contract, wish), wish.part_rows)


def _columns(contract: Contract, wish: ScoreOptions) -> list[str]:
    names = declared_names(contract)
    more = [*wish.keep, *([wish.subject] if wish.subject else [])]
    return list(dict.fromkeys([*names, *more]))


def _begin(place: ResultPlace, job: _Job) -> int:
    """Return how many rows of this job are there. Raises `InvalidInput` for another job."""
    content, names = msgspec.json.encode(job), place.names()
    if _JOB not in names:
        place.write(_JOB, content)
    elif place.read(_JOB) != content:
        raise InvalidInput(
            "there are parts of another job: other data, columns or model",
            hint="remove them (they end with .parts), or name another result",
        )
    return sum(_opened(place, name).metadata.num_rows for name in _answers(names))


def _answers(names: Sequence[str]) -> list[str]:
    return [name for name in names if name.endswith(".parquet")]


def _opened(place: ResultPlace, name: str) -> pq.ParquetFile:
    return parquet_in(place.read(name))


def _joined(parts: Sequence[pa.RecordBatch]) -> pa.Table:
    tables = [pa.Table.from_batches([part]) for part in parts]
    return pa.concat_tables(tables, promote_options="permissive")


def _merge(place: ResultPlace, out: Path | str) -> tuple[int, int, Counter[str], Counter[str]]:
    """Write the result from its parts, and count its rows."""
    rows, refused, releases, outcomes = 0, 0, Counter[str](), Counter[str]()
    names = _answers(place.names())
    if not names:
        raise InvalidInput("the data have no rows: expected a table with rows")
    # A column of a part may hold nothing, so its type follows from all parts.
    schema = pa.unify_schemas(
        [_opened(place, name).schema_arrow for name in names], promote_options="permissive"
    )
    with place.whole() as sink, table_writer(sink, PurePosixPath(out).suffix, schema) as write:
        for name in names:
            table = table_in(place.read(name)).cast(schema)
            write(table)
            rows += table.num_rows
            refused += table.num_rows - table["refused"].null_count
            releases.update(_counted(table, "release"))
            kind = next((each for each in ("outcome", "class") if each in table.column_names), "")
            outcomes.update(_counted(table, kind) if kind else {})
    return rows, refused, releases, outcomes


def _counted(table: pa.Table, name: str) -> Mapping[str, int]:
    counts = pc.value_counts(table[name].drop_null())
    return {str(each["values"]): each["counts"].as_py() for each in counts}
