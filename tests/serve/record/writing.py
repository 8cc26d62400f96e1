"""A process that writes records as quickly as it can.

`python -m tests.serve.record.writing FOLDER REPLICA`.

After each turn it says on standard output how many requests are written down, eight bytes a time,
as a server that sends its answers.
"""

import os
import sys
import time
from pathlib import Path

from goldenpath.serve.record.spool import SpoolWriter
from goldenpath.serve.record.spool_format import SPOOL_VERSION, SpoolHeader
from goldenpath.serve.record.turn_frame import render_turn

ROTATE_BYTES = 20_000


def header(replica: str = "one") -> SpoolHeader:
    """The header of a model with one feature."""
    names = ["age"]
    return SpoolHeader(
        SPOOL_VERSION, "prod", "credit", "r1", "sha256:" + "a" * 64, replica, names, 1
    )


def append(spool: SpoolWriter, *numbers: int, row: bytes = b"abcd") -> bool:
    """Has requests of these numbers written down in one turn, with one row each."""
    size, now = len(numbers), time.monotonic_ns()
    ids = [f"{number:032x}" for number in numbers]
    columns = ids, [0] * size, [1] * size, [row] * size, [b"efgh"] * size
    payload = render_turn(numbers[0], (1, 2, 3), columns, b"")
    return spool.append(payload, numbers[0], size, now)


def main() -> None:
    """Writes turns of one to three requests until it is killed."""
    spool = SpoolWriter(
        Path(sys.argv[1]), header(sys.argv[2]), report=print, rotate_bytes=ROTATE_BYTES
    )
    number = 0
    while True:
        following = number + 1 + number % 3
        if append(spool, *range(number, following)):
            number = following
            os.write(1, number.to_bytes(8, "little"))


if __name__ == "__main__":
    main()
