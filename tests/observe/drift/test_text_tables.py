"""Tables with texts are counted by what the profile measures in them."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from goldenpath.drift.counting import count
from goldenpath.errors import InvalidInput
from goldenpath.observe.drift.table_counts import count_tables
from tests.drift.texts.test_text_measures import PROFILE, packed_row


def test_a_text_of_a_file_is_measured_as_that_of_a_record(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text('amount,note,age\n0,"my card was stolen",0\n0,,0\n0,"wholly strange",0\n')

    counted = count_tables(PROFILE, [file])

    rows = [packed_row(text) for text in ("my card was stolen", "", "wholly strange")]
    expected = count(PROFILE, np.concatenate(rows), np.zeros(3, np.float32))
    width = sum(bins.size for bins in PROFILE.features)
    assert counted.counts.values.tolist() == expected.values[:width].tolist()
    assert counted.unknown == ()


def test_numbers_are_no_texts(tmp_path: Path) -> None:
    file = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"amount": [0.0], "note": [5], "age": [0.0]}), file)

    with pytest.raises(InvalidInput, match="column note is of type int64: expected texts"):
        count_tables(PROFILE, [file])
