"""The data of a batch, file by file: tables, folders, segments of the prediction log, and URLs.

A file at a URL is written to a temporary folder, counted and removed before the next one is
fetched. So neither memory nor disk holds more than one file.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from goldenpath.errors import InvalidInput, Unavailable, VerificationError
from goldenpath.observe.log.records import VERSION, require_version
from goldenpath.observe.log.segment import SUFFIX, parse_checkpoint
from goldenpath.observe.log.segments.packed_file import PACKED
from goldenpath.observe.log.segments.shown_rows import require_packed
from goldenpath.observe.log.segments.stored_segments import packed_stems
from goldenpath.project.data_digest import digest_file
from goldenpath.settings import ObjectStore
from goldenpath.train.data.remote_data import RemoteFile, at_url
from goldenpath.train.data.table_file import kind_of

_TABLES = frozenset(
    {".parquet", ".arrow", ".arrows", ".feather", ".csv", ".tsv", ".json", ".jsonl", ".ndjson"}
)
"""Ends of names of the files that are read in a folder. A file that is named itself is any."""


@dataclass(frozen=True, slots=True)
class BatchFile:
    """One file of a batch."""

    name: str
    """As the person named it, or its address."""
    path: Path


def batch_files(
    sources: Sequence[str],
    objects: ObjectStore,
    work: Path,
    report: Callable[[str], object],
) -> Iterator[BatchFile]:
    """Yield every file of the sources; a fetched one is gone when the next one is asked for.

    Raises `NotFound` or `Unavailable` if a URL cannot be read, `InvalidInput` for a folder without
    tables.
    """
    for source in sources:
        if "://" in source:
            yield from _fetched(source, objects, work, report)
        elif Path(source).is_dir():
            yield from _in_folder(Path(source), report)
        else:
            report(f"counting {source}")
            yield BatchFile(source, Path(source))


def is_log_segment(path: Path) -> bool:
    """Whether a file is a segment of the prediction log.

    Raises `InvalidInput` if it is one of a version that cannot be read, or if it cannot be read.
    """
    if kind_of(path) != "parquet":
        return False
    try:
        version = (pq.read_schema(path).metadata or {}).get(VERSION)
    except (OSError, pa.ArrowException) as error:
        raise InvalidInput(f"{path} is not a table that can be read: {error}") from error
    if version is not None:
        require_version(version, f"segment {path}")
    return version is not None


def log_batches(path: Path, rows: int, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Yield the answers of a segment that decided something; refusals and shadows are left out.

    Raises `VerificationError` if a checkpoint is about other bytes: the one beside it, or one in a
    packed file.
    """
    if path.name.endswith(PACKED):
        require_packed(path)
    checkpoint = path.with_name(path.name.removesuffix(".parquet") + SUFFIX)
    if checkpoint.is_file():
        content = parse_checkpoint(checkpoint.read_bytes(), None).content
        digest = digest_file(path).text
        if digest != content:
            raise VerificationError(
                f"segment {path.name} has the wrong digest: expected {content}, got {digest}",
                hint="goldenpath log check says what else was changed",
            )
    wanted = [*columns, "decisive", "release_digest"]
    for batch in pq.ParquetFile(path).iter_batches(batch_size=rows, columns=wanted):
        is_answer = pc.and_(batch.column("decisive"), batch.column(columns[0]).is_valid())
        yield batch.filter(is_answer)


def _in_folder(folder: Path, report: Callable[[str], object]) -> Iterator[BatchFile]:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and _is_table(path.name))
    if not files:
        raise InvalidInput(
            f"{folder} has no tables: expected files that end with {', '.join(sorted(_TABLES))}"
        )
    twice = {
        packed.with_name(f"{stem}.parquet")
        for packed in files
        if packed.name.endswith(PACKED)
        for stem in packed_stems(packed)
    }
    for path in files:
        if path in twice:  # a process that was killed left it beside the file that has it
            report(f"not counting {path}: a packed file has it")
            continue
        report(f"counting {path}")
        yield BatchFile(str(path), path)


def _fetched(
    source: str, objects: ObjectStore, work: Path, report: Callable[[str], object]
) -> Iterator[BatchFile]:
    location = at_url(source, objects)
    files = [each for each in location.files if not location.is_folder or _is_table(each.name)]
    if not files:
        raise InvalidInput(
            f"{source} has no tables: expected files that end with {', '.join(sorted(_TABLES))}"
        )
    for file in files:
        name = f"{source.rstrip('/')}/{file.name}" if location.is_folder else source
        report(f"fetching {name}")
        path = work / "fetched"
        try:
            _save(file, path, name)
            yield BatchFile(name, path)
        finally:
            path.unlink(missing_ok=True)


def _is_table(name: str) -> bool:
    return not name.endswith(SUFFIX) and Path(name).suffix.lower() in _TABLES


def _save(file: RemoteFile, path: Path, name: str) -> None:
    written = 0
    try:
        with path.open("wb") as output:
            for chunk in file.read():
                written += output.write(chunk)
    except OSError as error:
        raise Unavailable(f"{name} could not be fetched: {error}") from error
    # Half a table could be a table, too.
    if file.size and written != file.size:
        raise Unavailable(f"{name} ended after {written} bytes: expected {file.size}")
