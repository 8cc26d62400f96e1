"""Which files may hold an id, so that nobody reads the ids of every file for one of them.

For each file the hashes of its ids are kept in one SQLite file, which is derived and may be deleted
at any time. A file without hashes is read, and then has some. A hit is only a candidate: whoever
asks reads the file. Whoever finds nothing reads the other files too, since a damaged index must not
hide a record.
"""

import hashlib
import os
import sqlite3
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint32]
File = TypeVar("File")

_SCHEMA = """CREATE TABLE IF NOT EXISTS filter
    (name TEXT PRIMARY KEY, hashes BLOB NOT NULL, digest BLOB NOT NULL)"""


class IdFilters(Generic[File]):
    """The hashes of the ids of files, kept in `file` under the names that `name_of` returns."""

    def __init__(self, file: Path, name_of: Callable[[File], str]) -> None:
        self._file = file
        self._name_of = name_of

    def candidates(
        self, files: Sequence[File], wanted: str, ids_of: Callable[[File], Iterable[str]]
    ) -> Generator[File]:
        """Yield those of the files that may hold the id, in their order.

        `ids_of` reads the ids of a file that has no hashes yet. It is called as files are asked
        for, so a caller that stops early reads no more.
        """
        target = _hashes([wanted])[0]
        known, hits = self._known(target)
        new: dict[str, Hashes] = {}
        try:
            for file in files:
                name = self._name_of(file)
                if name not in known:
                    new[name] = _hashes(ids_of(file))
                if name in hits or (name in new and target in new[name]):
                    yield file
        finally:
            self._keep(new, known - {self._name_of(file) for file in files})

    def _known(self, target: np.uint32) -> tuple[set[str], set[str]]:
        """Return the files with hashes, and those among them that have the hash."""
        known, hits = set[str](), set[str]()
        with suppress(sqlite3.Error, TypeError, ValueError), closing(self._connected()) as database:
            for name, content, digest in database.execute(
                "SELECT name, hashes, digest FROM filter"
            ):
                if digest != _digest(name, content):
                    continue  # damaged: the file is read again
                known.add(name)
                hashes = np.frombuffer(content, "<u4")
                place = int(np.searchsorted(hashes, target))
                if place < len(hashes) and hashes[place] == target:
                    hits.add(name)
        return known, hits

    def _keep(self, new: dict[str, Hashes], gone: set[str]) -> None:
        """Store new hashes. Where that is not possible, such as in a copy, they are read again."""
        if not new and not gone:
            return
        rows = [(name, each.tobytes()) for name, each in new.items()]
        try:
            self._file.touch(mode=0o600)
            with closing(self._connected()) as database:
                database.execute("BEGIN IMMEDIATE")
                database.execute(_SCHEMA)
                database.executemany(
                    "INSERT OR REPLACE INTO filter VALUES (?, ?, ?)",
                    [(name, content, _digest(name, content)) for name, content in rows],
                )
                database.executemany(
                    "DELETE FROM filter WHERE name = ?", [(name,) for name in gone]
                )
                database.execute("COMMIT")
        except (OSError, sqlite3.OperationalError):
            return  # it cannot be written, or another process writes it
        except (sqlite3.Error, ValueError):  # damaged: it is made anew
            with suppress(OSError):
                self._file.unlink(missing_ok=True)

    def _connected(self) -> sqlite3.Connection:
        may_write = os.access(self._file, os.W_OK) and os.access(self._file.parent, os.W_OK)
        address = f"{self._file.absolute().as_uri()}?mode={'rw' if may_write else 'ro'}"
        return sqlite3.connect(address, timeout=5.0, isolation_level=None, uri=True)


def _hashes(ids: Iterable[str]) -> Hashes:
    """Return the sorted hashes of ids. The rows of one request share one."""
    requests = {each.partition("-")[0] for each in ids}
    joined = b"".join(
        hashlib.blake2b(each.encode(), digest_size=4).digest() for each in sorted(requests)
    )
    return np.unique(np.frombuffer(joined, "<u4"))


def _digest(name: str, content: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\0" + content).digest()
