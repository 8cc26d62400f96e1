"""Data and results in a bucket: the same answers, the same going on, nothing halfway."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from goldenpath.errors import InvalidInput, NotFound
from goldenpath.serve.table.batch_scoring import ScoreOptions, score_table
from goldenpath.serve.table.result_bucket import ResultBucket
from goldenpath.settings import ObjectStore
from tests.serve.table.test_batch_scoring import CONTRACT, Server
from tests.train.buckets import buckets, fill, put_empty

ROWS = 100


def _run(server: Server, wish: ScoreOptions) -> int:
    result = score_table(
        "dev/it", CONTRACT, wish, server, report=lambda _: None, sleep=lambda _: None
    )
    return result.resumed


def test_a_bucket_is_scored_into_a_bucket_and_goes_on_after_a_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "rows" / "clients"
    folder.mkdir(parents=True)
    values = [float(row) for row in range(ROWS)]
    for name, part in (("a", values[:60]), ("b", values[60:])):
        pq.write_table(pa.table({"x": part}), folder / f"{name}.parquet")
    with buckets(tmp_path, monkeypatch) as address:
        fill(address, "data-in", tmp_path / "rows")
        put_empty(address, "data-in/clients/_SUCCESS")
        fill(address, "data-out", tmp_path / "none")
        bucket = ObjectStore(address, "us-east-1")
        wish = ScoreOptions(
            "s3://data-in/clients",
            "s3://data-out/a.parquet",
            part_rows=40,
            batch_rows=16,
            bucket=bucket,
        )
        server, place = Server(), ResultBucket("s3://data-out/a.parquet", bucket)
        server.dies_after = 50
        with pytest.raises(KeyboardInterrupt):
            _run(server, wish)
        assert not place.is_there()
        assert place.names() == ["00000000-00000000.parquet", "job.json"]
        other = replace(wish, release="sha256:" + "b" * 64)
        with pytest.raises(InvalidInput, match="parts of another job"):
            _run(server, other)
        server.asked, server.dies_after = [], 10**9

        assert _run(server, wish) == 40

        assert min(server.asked) == 40 and len(server.asked) == 60
        assert place.is_there() and place.names() == []
        with pytest.raises(InvalidInput, match="exists already"):
            _run(server, wish)
        with pytest.raises(NotFound):
            _run(server, replace(wish, data="s3://data-in/nothing", out="s3://data-out/b.csv"))
        content = _content(bucket, "data-out/a.parquet")
        assert content["row"].to_pylist() == [*range(ROWS)]
        scores = np.rint(content["score"].to_numpy() * 100).tolist()
        assert scores == [*range(ROWS)]
        with (
            pytest.raises(ValueError, match="in the middle"),
            ResultBucket("s3://data-out/half.csv", bucket).whole() as sink,
        ):
            sink.write(b"half")
            raise ValueError("in the middle")
        assert not ResultBucket("s3://data-out/half.csv", bucket).is_there()


def _content(bucket: ObjectStore, path: str) -> pa.Table:
    from pyarrow.fs import S3FileSystem

    system = S3FileSystem(endpoint_override=bucket.endpoint, region=bucket.region)
    return pq.read_table(path, filesystem=system)


def test_no_other_address_is_a_place_for_a_result(tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": [1.0]}), tmp_path / "rows.parquet")

    with pytest.raises(InvalidInput, match="no place for a result"):
        _run(Server(), ScoreOptions(tmp_path / "rows.parquet", "https://x.example/a.csv"))
