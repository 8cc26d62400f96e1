"""Writes a month of the panel as rows to send: `python -m credit_default.export_month 2005-05 X`.

The rows are shuffled, in the same order every time. The source is not in random order, and sorted
rows would look like drift to any monitor.
"""

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from credit_default.panel import FEATURES, MONTHS, read_month

DATA = Path(__file__).parents[2] / "data" / "clients.parquet"


def export_month(month: str, output: Path) -> int:
    """Writes `subject`, the features and `target` of `month` to `output`; the number of rows."""
    panel = read_month(DATA, month)
    order = np.random.default_rng(int(month.replace("-", ""))).permutation(len(panel))
    panel = panel.take(order)
    columns = {"subject": pa.array([f"client-{number}" for number in panel.client.tolist()])}
    for position, name in enumerate(FEATURES):
        columns[name] = pa.array(panel.features[:, position])
    columns["target"] = pa.array(panel.target, pa.int8())
    pq.write_table(pa.table(columns), output, compression="zstd")
    return len(panel)


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in MONTHS:
        sys.exit(f"usage: python -m credit_default.export_month MONTH OUTPUT; MONTH of {MONTHS}")
    print(f"{export_month(sys.argv[1], Path(sys.argv[2]))} rows")
