"""The `RECORD` of an installed wheel: its list of files (binary distribution format)."""

import base64
import binascii
import csv
import io
from dataclasses import dataclass

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput

MAX_RECORD = 8 * 1024 * 1024
"""The most bytes of a `RECORD`. That of goldenpath has about 60 kB."""


@dataclass(frozen=True, slots=True)
class RecordedFile:
    """One line: a path from `site-packages`, and the digest if the line has one."""

    path: str
    digest: Digest | None
    """None for `RECORD` itself and for bytecode that the installer compiled."""


def parse_record(text: str) -> tuple[RecordedFile, ...]:
    """Return the lines of a `RECORD`.

    Raises `InvalidInput` if a line is malformed or a path occurs twice.
    """
    files: dict[str, RecordedFile] = {}
    try:
        rows = list(csv.reader(io.StringIO(text), strict=True))
    except csv.Error as error:
        raise InvalidInput(f"RECORD cannot be read: {error}") from error
    for row in filter(None, rows):
        if len(row) != 3 or not row[0] or row[0].startswith("/") or "\\" in row[0]:
            raise InvalidInput(f"RECORD has a line {','.join(row)[:80]!r}: expected PATH,HASH,SIZE")
        if row[0] in files:
            raise InvalidInput(f"RECORD names {row[0]} twice")
        files[row[0]] = RecordedFile(row[0], _digest(row[1], row[0]) if row[1] else None)
    return tuple(files.values())


def _digest(text: str, path: str) -> Digest:
    name, _, value = text.partition("=")
    try:
        content = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
    except (binascii.Error, ValueError) as error:
        raise InvalidInput(f"RECORD has a malformed digest of {path}: expected base64") from error
    if name != "sha256" or len(content) != 32:
        raise InvalidInput(
            f"RECORD has a digest of {path} by {name!r}: expected sha256 of 32 bytes"
        )
    return Digest("sha256:" + content.hex())
