"""Makes `claims.parquet`: made-up claims, the same ones each time. Needs numpy and pyarrow."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 3000
TEAMS = ("glass", "collision", "theft")
TARGET = Path(__file__).parent / "claims.parquet"


def main() -> None:
    """Draw the claims and the team that closed each of them, and write them."""
    draw = np.random.default_rng(20260102)
    amount = np.round(draw.lognormal(7.0, 0.9, ROWS)).clip(50, 90_000)
    hour = draw.integers(0, 24, ROWS)
    place = draw.integers(0, 4, ROWS)
    pictures = draw.integers(0, 9, ROWS)
    odds = np.column_stack(
        [
            2.2 - 1.4 * (np.log(amount) - 6.5) + 0.1 * pictures,
            1.2 * (np.log(amount) - 6.8) + 0.15 * pictures - 0.4 * (place == 3),
            1.5 + 1.6 * (place == 3) + 0.9 * (hour < 6) - 0.45 * pictures,
        ]
    )
    noise = draw.gumbel(0.0, 0.6, odds.shape)
    team = np.array(TEAMS)[(odds + noise).argmax(axis=1)]
    columns = {
        "claim": np.arange(ROWS),
        "amount": amount,
        "hour": hour,
        "place": place,
        "pictures": pictures,
        "team": pa.array(team.tolist()),
        "channel": pa.array(draw.choice(["app", "phone"], ROWS, p=[0.6, 0.4]).tolist()),
    }
    pq.write_table(pa.table(columns), TARGET, compression="zstd")


if __name__ == "__main__":
    main()
