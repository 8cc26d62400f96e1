"""Rows of a table as they are sent."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from goldenpath.errors import InvalidInput
from goldenpath.serve.send_rows import read_rows
from tests.serve.running import CONTRACT

LABELLED = replace(
    CONTRACT,
    features=(*CONTRACT.features[:2],
              replace(CONTRACT.features[2], labels=("single", "married", "other")),
              CONTRACT.features[3]),
)  # fmt: skip


def _table(folder: Path, status: list[object]) -> Path:
    columns = {"limit": [1.0, 2.0], "age": [20, 30], "status": status, "paid": [0.5, None]}
    pq.write_table(pa.table(columns), folder / "rows.parquet")
    return folder / "rows.parquet"


@pytest.mark.parametrize("status", [["other", "single"], [2, 0], [2.0, 0.0]])
def test_a_label_stands_for_its_code(tmp_path: Path, status: list[object]) -> None:
    batch = read_rows(_table(tmp_path, status), LABELLED, "", None)

    right = np.array([[1, 20, 2, 0.5], [2, 30, 0, np.nan]], np.float32)
    np.testing.assert_array_equal(batch.rows, right)


def test_a_text_that_is_no_label_is_named_with_its_column(tmp_path: Path) -> None:
    for contract in (LABELLED, CONTRACT):
        with pytest.raises(
            InvalidInput, match=r"row [01] of .*, column status: expected .*, got '(other|widowed)'"
        ):
            read_rows(_table(tmp_path, ["other", "widowed"]), contract, "", None)
