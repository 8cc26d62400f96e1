"""Data up to a stated day: the pins that move, and each reason why there are no such data."""

from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from goldenpath.compose import locate
from goldenpath.errors import InvalidInput, NotFound
from goldenpath.home import Home
from goldenpath.project.data_digest import digest_data
from goldenpath.project.spec import DataSource
from goldenpath.settings import ObjectStore
from goldenpath.train.data.data_cache import DataCache
from goldenpath.train.data.renewed_data import moved_pins
from goldenpath.train.moved_pin import MovedPin

UNTIL = date(2026, 9, 30)
OLD = "sha256:" + "0" * 64


def write(path: Path, *times: date | None) -> str:
    """Write a table with a row at each time, and return its digest."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"x": range(len(times)), "at": pa.array(times)}), path)
    return digest_data(path).digest.text


def moved(root: Path, *sources: DataSource, until: date = UNTIL) -> tuple[MovedPin, ...]:
    cache = DataCache(
        root / "cache",
        lambda name: locate(name, Home(root / "home")),
        ObjectStore(),
        list[str]().append,
    )
    return moved_pins(root, sources, until, cache)


def test_a_pin_moves_to_data_that_end_on_the_day(tmp_path: Path) -> None:
    digest = write(
        tmp_path / "rows.parquet",
        datetime(2026, 9, 1, 8, tzinfo=UTC),
        datetime(2026, 9, 30, 23, tzinfo=UTC),
    )

    (pin,) = moved(tmp_path, DataSource("clients", "rows.parquet", OLD, time="at"))

    assert (pin.digest_before, pin.digest) == (OLD, digest)
    assert (pin.path_before, pin.path) == ("rows.parquet", "rows.parquet")
    assert pin.last == "2026-09-30T23:00:00Z"


@pytest.mark.parametrize("form", ["{day}", "{month}"])
def test_the_path_of_the_day_is_filled_in(tmp_path: Path, form: str) -> None:
    write(tmp_path / "rows" / "2026-09-30.parquet", UNTIL)
    write(tmp_path / "rows" / "2026-09.parquet", UNTIL)
    source = DataSource(
        "clients", "rows/2026-08-31.parquet", OLD, time="at", dated=f"rows/{form}.parquet"
    )

    (pin,) = moved(tmp_path, source)

    filled = form.replace("{day}", "2026-09-30").replace("{month}", "2026-09")
    assert pin.path == f"rows/{filled}.parquet"


@pytest.mark.parametrize(
    ("times", "message", "hint"),
    [
        ((date(2026, 9, 28),), "end on 2026-09-28: expected rows up to", "--until 2026-09-28"),
        ((UNTIL, date(2026, 10, 1)), "rows up to 2026-10-01: expected none", "--until 2026-10-01"),
        ((None, None), "no row with a time", ""),
        ((), "no row with a time", ""),
    ],
)
def test_data_that_end_on_another_day_are_refused_with_the_cure(
    tmp_path: Path, times: tuple[date | None, ...], message: str, hint: str
) -> None:
    rows = pa.table({"at": pa.array(times, pa.date32())})
    pq.write_table(rows, tmp_path / "rows.parquet")

    with pytest.raises(InvalidInput, match=message) as refused:
        moved(tmp_path, DataSource("clients", "rows.parquet", OLD, time="at"))

    assert hint in (refused.value.hint or "")


def test_the_data_of_a_day_that_are_not_there_are_not_found(tmp_path: Path) -> None:
    dated = DataSource("clients", "old.parquet", OLD, time="at", dated="rows/{day}.parquet")
    with pytest.raises(NotFound, match=r"expected rows/2026-09-30\.parquet"):
        moved(tmp_path, dated)
    with pytest.raises(NotFound, match=r"up to 2026-09-30 are not there: expected gone\.parquet"):
        moved(tmp_path, DataSource("clients", "gone.parquet", OLD, time="at"))


def test_data_that_say_no_day_are_refused_unless_others_do(tmp_path: Path) -> None:
    table = DataSource("codes", "codes.parquet", write(tmp_path / "codes.parquet", UNTIL))
    with pytest.raises(InvalidInput, match="no data of this project say") as refused:
        moved(tmp_path, table)
    assert 'time = "COLUMN"' in (refused.value.hint or "")

    write(tmp_path / "rows.parquet", UNTIL)
    pins = moved(tmp_path, table, DataSource("clients", "rows.parquet", OLD, time="at"))
    assert [each.name for each in pins] == ["clients"]


def test_data_that_are_pinned_already_are_nothing_new(tmp_path: Path) -> None:
    digest = write(tmp_path / "rows.parquet", UNTIL)
    with pytest.raises(InvalidInput, match="pinned already: clients"):
        moved(tmp_path, DataSource("clients", "rows.parquet", digest, time="at"))


def test_a_path_alone_says_the_day_where_rows_have_no_time(tmp_path: Path) -> None:
    (tmp_path / "texts-2026-09-30.txt").write_text("a text\n")
    source = DataSource("texts", "texts.txt", OLD, dated="texts-{day}.txt")

    (pin,) = moved(tmp_path, source)

    assert (pin.path, pin.last) == ("texts-2026-09-30.txt", "")


def test_one_source_that_ends_early_is_enough_to_refuse(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", UNTIL)
    write(tmp_path / "b.parquet", date(2026, 9, 29))
    sources = [DataSource(name, f"{name}.parquet", OLD, time="at") for name in ("a", "b")]

    with pytest.raises(InvalidInput, match="'b' end on 2026-09-29"):
        moved(tmp_path, *sources)
