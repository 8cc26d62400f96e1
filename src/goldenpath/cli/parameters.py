"""Parameter types that more than one verb uses."""

from datetime import UTC, datetime
from pathlib import Path

import click

READABLE = click.Path(path_type=Path, exists=True, dir_okay=False, readable=True)
"""An existing file."""


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


ADDRESS = _Address()
REASON = _Reason()


def in_utc(moment: datetime | None) -> datetime | None:
    """Return a time that was typed without an offset as UTC."""
    return None if moment is None else moment.replace(tzinfo=UTC)
