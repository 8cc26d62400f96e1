"""Makes `policies.parquet`: made-up policies, the same ones each time. Needs numpy and pyarrow."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 3000
TARGET = Path(__file__).parent / "policies.parquet"


def main() -> None:
    """Draw the policies and the cost of their claims, and write them."""
    draw = np.random.default_rng(20260101)
    age = draw.integers(18, 91, ROWS)
    power = draw.integers(40, 221, ROWS)
    vehicle = draw.choice(["small", "family", "sports", "van"], ROWS, p=[0.4, 0.35, 0.1, 0.15])
    territory = draw.choice(["10050000001", "10050000002", "10050000003"], ROWS, p=[0.5, 0.3, 0.2])
    rate = 5.6 + 0.006 * power - 0.004 * (age - 45)
    rate += np.select([vehicle == "sports", vehicle == "van"], [0.5, 0.15], 0.0)
    rate += np.select([territory == "10050000002", territory == "10050000003"], [0.2, 0.4], 0.0)
    cost = np.round(np.exp(rate) * draw.gamma(6.0, 1 / 6.0, ROWS), 2)
    columns = {
        "policy": np.arange(ROWS),
        "age": age,
        "power": power,
        "vehicle": pa.array(vehicle.tolist()),
        "territory": pa.array(territory.tolist()),
        "cost": cost,
    }
    pq.write_table(pa.table(columns), TARGET, compression="zstd")


if __name__ == "__main__":
    main()
