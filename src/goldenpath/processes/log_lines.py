"""Log lines for people on standard error, which is a file in the home under `goldenpath up`."""

import os
from contextlib import suppress


def log_line(message: str) -> None:
    """Write one line. A full disk loses the line: no process ends, and no answer fails, by it."""
    with suppress(OSError):
        os.write(2, f"{message}\n".encode("utf-8", "replace"))
