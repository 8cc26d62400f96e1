"""Makes `rows.parquet`: made-up rows, the same ones each time. Needs numpy and pyarrow."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 1000
TARGET = Path(__file__).parent / "rows.parquet"


def main() -> None:
    """Draw the rows and write them."""
    draw = np.random.default_rng(1)
    amount = draw.uniform(0, 1000, ROWS).round()
    target = (draw.random(ROWS) < 1 / (1 + np.exp(3 - amount / 200))).astype(np.int8)
    columns = {"key": np.arange(ROWS), "amount": amount, "target": target}
    pq.write_table(pa.table(columns), TARGET, compression="zstd")


if __name__ == "__main__":
    main()
