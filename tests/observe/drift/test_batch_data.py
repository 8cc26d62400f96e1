"""A batch of files, folders, segments of the prediction log and URLs, one file at a time."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from goldenpath.drift.profile import Bins, Profile
from goldenpath.errors import InvalidInput, NotFound, VerificationError
from goldenpath.home import Home
from goldenpath.observe.drift.batch_data import BatchFile, batch_files
from goldenpath.observe.drift.table_counts import MOST_SLICES, TableCounts, count_batch
from goldenpath.observe.log.prediction_log import PredictionLog
from goldenpath.observe.log.spool_tail import Tail
from goldenpath.observe.log.subject_keys import Subjects
from goldenpath.release.attest.keys import PemSigner, generate_key
from goldenpath.settings import ObjectStore
from tests.observe.spooling import DIGEST, FACTS, answer, draw, spool_path, write_spool
from tests.sizes import full_size
from tests.train.buckets import buckets, fill

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
EDGES = (0.0, 1.0, 2.0)
PROFILE = Profile(
    100,
    (Bins("age", "number", (), EDGES, (50, 50, 0, 0)),),
    Bins("score", "score", (), (0.0, 0.5, 1.0), (50, 50, 0, 0)),
    days=10,
)


def write(path: Path, rows: int, **more: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    ages = np.full(rows, 0.5, np.float32)
    pq.write_table(pa.table({"age": ages, **more}), path)
    return path


def counted(
    work: Path, *sources: object, said: list[str] | None = None, slice_column: str = ""
) -> TableCounts:
    work.mkdir(exist_ok=True)
    report = (said if said is not None else list[str]()).append
    files = batch_files([str(each) for each in sources], ObjectStore(), work, report)
    return count_batch(PROFILE, files, slice_column=slice_column)


def test_files_folders_and_urls_are_one_batch_and_nothing_fetched_stays(tmp_path: Path) -> None:
    write(tmp_path / "folder" / "a.parquet", 10)
    write(tmp_path / "folder" / "deep" / "b.parquet", 20)
    (tmp_path / "folder" / "README.txt").write_text("read me")
    one = write(tmp_path / "one", 30)
    other = write(tmp_path / "elsewhere" / "rows.parquet", 40)
    said: list[str] = []

    found = counted(
        tmp_path / "work", tmp_path / "folder", one, f"file://{other}", f"file://{one}",
        said=said,
    )  # fmt: skip

    assert found.counts.rows == 10 + 20 + 30 + 40 + 30
    assert list((tmp_path / "work").iterdir()) == []
    assert said[-2:] == [f"fetching file://{other}", f"fetching file://{one}"]


def test_one_file_at_a_time_is_on_the_disk(tmp_path: Path) -> None:
    for name in "abc":
        write(tmp_path / "origin" / f"{name}.parquet", 5)
    work = tmp_path / "work"
    work.mkdir()

    files = batch_files([f"file://{tmp_path / 'origin'}"], ObjectStore(), work, str)
    held = [(each.name.rsplit("/", 1)[1], len(list(work.iterdir()))) for each in files]

    assert held == [("a.parquet", 1), ("b.parquet", 1), ("c.parquet", 1)]
    assert list(work.iterdir()) == []


def test_what_is_not_there_is_no_empty_batch(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInput, match="has no tables"):
        counted(tmp_path / "work", tmp_path / "empty")
    with pytest.raises(NotFound, match="does not exist"):
        counted(tmp_path / "work", f"file://{tmp_path}/none.parquet")
    with pytest.raises(InvalidInput, match="Protocol not known"):
        counted(tmp_path / "work", "gopher://127.0.0.1/rows")
    with pytest.raises(InvalidInput, match="cannot be read"):
        counted(tmp_path / "work", tmp_path / "none")


@full_size("test_files_folders_and_urls_are_one_batch_and_nothing_fetched_stays")
def test_a_bucket_is_read_as_the_project_reads_its_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "origin" / "day" / "a.parquet", 10)
    write(tmp_path / "origin" / "day" / "b.parquet", 20)
    with buckets(tmp_path, monkeypatch) as address:
        fill(address, "bank", tmp_path / "origin")
        (tmp_path / "work").mkdir()
        objects = ObjectStore(endpoint=address, region="us-east-1")
        files = batch_files(["s3://bank/day"], objects, tmp_path / "work", str)
        assert count_batch(PROFILE, files).counts.rows == 30


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """The folder of a sealed log, as the observer writes it."""
    home = Home(tmp_path / "home")
    generate_key(home.log_key)
    live = [answer(place, draw(3, place)) for place in range(4)]
    write_spool(spool_path(home.spool, 1), live, first=0)
    subjects = Subjects(home.keys)
    signer = PemSigner.load(home.log_key)
    log = PredictionLog(home.predictions, subjects, signer, lambda digest: FACTS)
    tail = Tail(home.spool, log.resume, pytest.fail)
    for batch in tail.batches():
        log.add(batch, 0.0)
        log.seal(batch.path, NOW)
        tail.forget(batch.path)
    subjects.close()
    return home.predictions


def test_predictions_of_the_log_are_compared_and_its_inputs_are_not_opened(
    log: Path, tmp_path: Path
) -> None:
    found = counted(tmp_path / "work", log)

    assert [bins.name for bins in found.profile.columns] == ["score"]
    assert found.counts.rows == 12
    assert found.releases == (DIGEST,)


def test_a_log_beside_a_table_has_the_predictions_in_common(log: Path, tmp_path: Path) -> None:
    table = write(tmp_path / "rows.parquet", 10, score=np.full(10, 0.2, np.float32))

    for sources in ((table, log), (log, table)):
        found = counted(tmp_path / "work", *sources)
        assert [bins.name for bins in found.profile.columns] == ["score"]
        assert found.counts.rows == 22
    with pytest.raises(InvalidInput, match="has none of the columns"):
        counted(tmp_path / "work", write(tmp_path / "inputs.parquet", 10), log)


def test_a_segment_that_was_changed_is_refused(log: Path, tmp_path: Path) -> None:
    (segment,) = log.rglob("*.parquet")
    table = pq.read_table(segment)
    pq.write_table(table.slice(1), segment)

    with pytest.raises(VerificationError, match="has the wrong digest"):
        counted(tmp_path / "work", log)


def test_a_segment_of_a_later_version_is_refused(log: Path, tmp_path: Path) -> None:
    (segment,) = log.rglob("*.parquet")
    later = {b"goldenpath.version": b"99"}
    pq.write_table(pq.read_table(segment).replace_schema_metadata(later), tmp_path / "s.parquet")

    with pytest.raises(InvalidInput, match="has version 99"):
        counted(tmp_path / "work", tmp_path / "s.parquet")


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        (pa.array([1.0, 1.0, 2.5, None]), {"1": 2, "2.5": 1, "missing": 1}),
        (pa.array(["a", "", None, "a"]), {"a": 2, "": 1, "missing": 1}),
        (pa.array([True, False, True, None]), {"true": 2, "false": 1, "missing": 1}),
        (
            pa.array([123456789012345678, 123456789012345679, 1234567, 1234568]),
            {"123456789012345678": 1, "123456789012345679": 1, "1234567": 1, "1234568": 1},
        ),
    ],
)
def test_rows_are_counted_by_the_values_of_a_column(
    values: "pa.Array[pa.Scalar[pa.DataType]]", labels: dict[str, int], tmp_path: Path
) -> None:
    path = write(tmp_path / "rows.parquet", 4, group=values)

    found = counted(tmp_path / "work", path, slice_column="group")

    assert {name: counts.rows for name, counts in found.slices.items()} == labels
    assert found.counts.rows == 4


def test_a_column_with_many_values_and_a_log_tell_no_groups_apart(
    log: Path, tmp_path: Path
) -> None:
    many = write(tmp_path / "rows.parquet", MOST_SLICES + 1, group=np.arange(MOST_SLICES + 1))

    with pytest.raises(InvalidInput, match="more than 50 values"):
        counted(tmp_path / "work", many, slice_column="group")
    with pytest.raises(InvalidInput, match="inputs are encrypted"):
        counted(tmp_path / "work", log, slice_column="group")


def test_no_file_is_no_batch() -> None:
    with pytest.raises(InvalidInput, match="no tables"):
        count_batch(PROFILE, list[BatchFile]())
