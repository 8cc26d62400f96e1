"""A process that records answers while its disk is full now and then.

`python -m tests.serve.record.filling FOLDER REPLICA SEED`. After each turn it says on standard
output how many requests it has answered, eight bytes a time. It ends in order with standard input.
"""

import os
import random
import resource
import select
import signal
import sys
from pathlib import Path

from goldenpath.serve.record.spool import SpoolWriter
from tests.serve.record.writing import ROTATE_BYTES, append, header


def main() -> None:
    """Answers turns of one to three requests, recorded or counted, until it is ended or killed."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    # A seed and no secret.
    source, unlimited = random.Random(int(sys.argv[3])), resource.RLIM_INFINITY  # noqa: S311
    spool = SpoolWriter(
        Path(sys.argv[1]), header(sys.argv[2]), report=lambda _: None, rotate_bytes=ROTATE_BYTES
    )
    number = 0
    while not select.select([0], [], [], 0)[0]:
        if source.random() < 0.02:
            size = source.choice([0, spool.path.stat().st_size, unlimited, unlimited])
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, unlimited))
        following = number + 1 + number % 3
        if not append(spool, *range(number, following)):
            spool.lose(number, following - number, following - number)
        number = following
        os.write(1, number.to_bytes(8, "little"))
    spool.close()


if __name__ == "__main__":
    main()
