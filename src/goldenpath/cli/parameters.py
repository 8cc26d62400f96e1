"""Parameter types that more than one verb uses."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import NamedTemporaryFile

import click

READABLE = click.Path(path_type=Path, exists=True, dir_okay=False, readable=True)
"""An existing file."""
ROWS = click.Path(path_type=Path, exists=True, dir_okay=False, readable=True, allow_dash=True)
"""An existing file, or - for standard input."""


class _Address(click.ParamType[str]):
    """`HOST:PORT`; port 0 lets the system choose."""

    name = "HOST:PORT"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        text = str(value)
        host, _, port = text.rpartition(":")
        # The length is checked first: `int` refuses thousands of digits with its own message.
        if not host or not port.isdecimal() or len(port) > 5 or int(port) > 65535:
            self.fail(f"{text!r} is not an address: expected HOST:PORT with a port below 65536")
        return text


class _Reason(click.ParamType[str]):
    """A reason for a commit or for the audit log."""

    name = "TEXT"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        text = str(value).strip()
        if not text:
            self.fail("a reason is needed: expected text, got none")
        return text


class _Names(click.ParamType[tuple[str, ...]]):
    """Names of columns, separated by commas."""

    name = "A,B,…"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        return tuple(name.strip() for name in str(value).split(",") if name.strip())


ADDRESS = _Address()
NAMES = _Names()
REASON = _Reason()


@contextmanager
def rows_file(path: Path) -> Iterator[Path]:
    """Yield the file of a table; standard input is first written to a temporary one."""
    if str(path) != "-":
        yield path
        return
    with NamedTemporaryFile(prefix="goldenpath-rows-") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
        file.flush()
        yield Path(file.name)


def in_utc(moment: datetime | None) -> datetime | None:
    """Return a time that was typed without an offset as UTC."""
    return None if moment is None else moment.replace(tzinfo=UTC)
