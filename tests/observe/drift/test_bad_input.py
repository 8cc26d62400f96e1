"""Strange columns and profiles: each gets an answer in words, and none is taken for calm."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from goldenpath.drift.profile import Bins, Profile
from goldenpath.drift.reference_profile import build_profile
from goldenpath.drift.verdict import DriftVerdict
from goldenpath.errors import InvalidInput
from goldenpath.observe.drift.batch_verdict import batch_verdict
from goldenpath.observe.drift.table_counts import TableCounts, count_tables
from goldenpath.project.spec import Contract, Feature, MonitorSettings

ROWS, LIVE = 3000, 2000
RANDOM = np.random.default_rng(1)
NORMAL = RANDOM.normal(0, 1, ROWS).astype(np.float32)
CONTRACT = Contract("m", (Feature("x", "number"),), "score", None, MonitorSettings())
REFERENCES = {
    "constant": np.full(ROWS, 5.0, np.float32),
    "all missing": np.full(ROWS, np.nan, np.float32),
    "usual": NORMAL,
    "all different": np.arange(ROWS).astype(np.float32),
}
STREAMS = {
    "missing": (np.full(LIVE, np.nan), "missing"),
    "infinite": (np.where(np.arange(LIVE) % 2, np.inf, NORMAL[:LIVE]), "new code"),
    "infinite below": (np.full(LIVE, -np.inf), "new code"),
    "beyond every number": (np.full(LIVE, 1e300), "new code"),
}


def profile(reference: str) -> Profile:
    score = RANDOM.uniform(0, 1, ROWS).astype(np.float32)
    return build_profile(CONTRACT, {"x": REFERENCES[reference]}, score)


def write(folder: Path, **columns: object) -> Path:
    path = folder / "rows.parquet"
    pq.write_table(pa.table(columns), path)
    return path


def judged(about: Profile, path: Path) -> tuple[DriftVerdict, TableCounts]:
    counted = count_tables(about, [path])
    settings = MonitorSettings()
    verdict = batch_verdict(counted.profile, counted.counts, settings, days=1, chance=0.01)
    return verdict, counted


@pytest.mark.parametrize("reference", REFERENCES)
def test_a_strange_column_like_its_reference_is_no_drift(reference: str, tmp_path: Path) -> None:
    path = write(tmp_path, x=REFERENCES[reference][:LIVE])

    verdict, _ = judged(profile(reference), path)

    assert verdict.answer != "drift"
    assert np.isfinite(verdict.evidence)


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("reference", REFERENCES)
@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
def test_missing_and_infinite_values_are_named_as_what_they_are(
    reference: str, stream: str, tmp_path: Path
) -> None:
    values, kind = STREAMS[stream]
    verdict, counted = judged(profile(reference), write(tmp_path, x=values))

    assert counted.counts.rows == LIVE
    if (reference, stream) == ("all missing", "missing"):
        assert verdict.answer != "drift"
    else:
        (column,) = verdict.columns
        assert verdict.answer == "drift" and kind in column.changes


def test_a_constant_that_becomes_another_one_is_a_new_value(tmp_path: Path) -> None:
    verdict, _ = judged(profile("constant"), write(tmp_path, x=np.full(LIVE, 7.0)))

    assert verdict.columns[0].changes == ("new code",)


def test_a_column_that_nobody_knows_is_named_and_changes_nothing(tmp_path: Path) -> None:
    more = write(tmp_path, x=NORMAL[:LIVE], later=np.arange(LIVE))
    verdict, counted = judged(profile("usual"), more)

    assert counted.unknown == ("later",)
    assert [each.name for each in verdict.columns] == ["x"]


@pytest.mark.parametrize("kind", ["texts", "whole numbers", "flags"])
def test_another_type_is_counted_and_never_skipped(kind: str, tmp_path: Path) -> None:
    values = {
        "texts": pa.array(["many"] * LIVE),
        "whole numbers": pa.array(np.full(LIVE, 99)),
        "flags": pa.array([True] * LIVE),
    }[kind]

    verdict, counted = judged(profile("usual"), write(tmp_path, x=values))

    assert counted.counts.rows == LIVE
    assert verdict.answer == "drift"


@pytest.mark.parametrize("kind", [pa.timestamp("s"), pa.list_(pa.float32()), pa.binary()])
def test_a_type_without_numbers_is_refused_by_name(kind: pa.DataType, tmp_path: Path) -> None:
    path = write(tmp_path, x=pa.array([None] * 3, kind))

    with pytest.raises(InvalidInput, match="column x is of type"):
        count_tables(profile("usual"), [path])


def test_no_rows_are_no_calm_batch(tmp_path: Path) -> None:
    counted = count_tables(profile("usual"), [write(tmp_path, x=np.zeros(0))])

    with pytest.raises(InvalidInput, match="no rows"):
        batch_verdict(counted.profile, counted.counts, MonitorSettings(), days=1, chance=0.01)


def test_the_profile_of_another_model_is_refused(tmp_path: Path) -> None:
    other = replace(profile("usual").features[0], name="income")
    about = replace(profile("usual"), features=(other,))

    with pytest.raises(InvalidInput, match="has no column income"):
        count_tables(about, [write(tmp_path, x=NORMAL)])


CODES = Bins("x", "category", (1234567.0, 16777216.0), (), (50, 50, 0, 0))


@pytest.mark.parametrize(
    "values",
    [
        pa.array([1234567, 1234568, 16777216, 16777217, 123456789012345678]),
        pa.array([1234567.0, 1234568.0, 16777216.0, 16777217.0, 123456789012345678.0]),
        pa.array(["1234567", "1234568", "16777216", "16777217", "123456789012345678"]),
    ],
    ids=["whole numbers", "numbers", "texts"],
)
def test_a_code_of_many_digits_is_never_counted_as_its_neighbour(
    values: "pa.Array[pa.Scalar[pa.DataType]]", tmp_path: Path
) -> None:
    about = Profile(100, (CODES,), Bins("score", "score", (), (0.0, 1.0), (100, 0, 0)))

    counted = count_tables(about, [write(tmp_path, x=values)])

    assert counted.counts.values.tolist() == [1, 1, 3, 0]


def test_a_quantity_of_many_digits_is_rounded_as_the_model_gets_it(tmp_path: Path) -> None:
    amount = Bins("x", "number", (), (0.0, 1e8, 2e8), (50, 50, 0, 0))
    about = Profile(100, (amount,), Bins("score", "score", (), (0.0, 1.0), (100, 0, 0)))

    counted = count_tables(about, [write(tmp_path, x=pa.array([16777217, 123456789]))])

    assert counted.counts.values.tolist() == [1, 1, 0, 0]
