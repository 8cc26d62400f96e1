"""Remembers what the check of packed files has found, so that a long log need not be read again.

It is derived and may be deleted at any time. An entry counts while its packed file is the same by
inode, size, and the times of its content and its status, and only with the mark that the private
key of the log makes. So nobody who may only write forges one. Without the private key, such as in
a copy for an auditor, and in `goldenpath log check`, every byte is read.
"""

import hmac
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from types import TracebackType
from typing import Self

import msgspec
import pyarrow as pa

from goldenpath.errors import VerificationError
from goldenpath.home import Home
from goldenpath.merkle_tree import leaf_hash
from goldenpath.observe.log.segments.chain_part import ChainPart, PartHashes
from goldenpath.observe.log.segments.segment_check import CheckedSegments, check_segments
from goldenpath.observe.log.segments.shown_rows import require_shown
from goldenpath.observe.log.segments.stored_segments import Unit

_PURPOSE = b"goldenpath checked parts 1"
_SCHEMA = """CREATE TABLE IF NOT EXISTS part (name TEXT PRIMARY KEY, state TEXT NOT NULL,
    part BLOB NOT NULL, contents BLOB NOT NULL, leaves BLOB NOT NULL, mark BLOB NOT NULL)"""
HashesOf = Callable[[], PartHashes]


@dataclass(frozen=True, slots=True)
class CheckedUnit:
    """What is known about a unit."""

    parts: tuple[tuple[ChainPart, HashesOf], ...]
    breaks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Entry:
    state: str
    part: bytes
    mark: bytes


@dataclass(slots=True)
class CheckedParts:
    """What is remembered about one log. New results are stored at the end of the block."""

    home: Home
    public_key: bytes
    trusts: bool = True
    """Whether what is remembered counts."""
    _known: dict[str, _Entry] = field(default_factory=dict)
    _new: dict[str, tuple[object, ...]] = field(default_factory=dict)
    _key: bytes = b""
    """The key of the marks; empty if the private key of the log cannot be read."""

    def __enter__(self) -> Self:
        with suppress(OSError):
            self._key = hmac.digest(self.home.log_key.read_bytes(), _PURPOSE, "sha256")
        if self.trusts and self._key:
            self._known = dict(self._read())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None and self._new and self._key:
            self._keep()

    def check(self, unit: Unit) -> CheckedUnit:
        """Check a unit, or return what is remembered about it."""
        part = self.remembered(unit)
        if part is not None:
            name = _name_of(unit)
            return CheckedUnit(((part, lambda: self._hashes(name, unit)),))
        state = _state_of(unit)
        checked = check_segments(unit, self.public_key)
        breaks = [*checked.breaks, *_shown(unit, self.public_key)]
        if state and state == _state_of(unit) and not breaks:
            self._remember(unit, state, checked)
        return CheckedUnit(
            tuple((part, _given(hashes)) for part, hashes in checked.parts), tuple(breaks)
        )

    def remembered(self, unit: Unit) -> ChainPart | None:
        """Return what is remembered about a unit; None if that does not count."""
        name = _name_of(unit)
        entry = self._known.get(name) if name else None
        if entry is None or entry.state != _state_of(unit):
            return None
        if not hmac.compare_digest(entry.mark, self._mark(name, entry.state, entry.part)):
            return None
        with suppress(msgspec.DecodeError, ValueError):
            return msgspec.msgpack.decode(entry.part, type=_Stored).part
        return None

    def leaves(self, unit: Unit) -> list[bytes]:
        """Return the leaves of the checkpoint files of a unit.

        Raises `FileNotFoundError`, and `VerificationError` for a damaged packed file.
        """
        if self.remembered(unit) is not None:
            hashes = self._hashes(_name_of(unit), unit)
            return [hashes.leaf(place) for place in range(len(unit))]
        return [leaf_hash(each.checkpoint()) for each in unit]

    def _remember(self, unit: Unit, state: str, checked: CheckedSegments) -> None:
        if len(checked.parts) != 1 or checked.parts[0][0].segments != len(unit):
            return
        (part, hashes), name = checked.parts[0], _name_of(unit)
        digest = sha256(hashes.contents + hashes.leaves).digest()
        stored = msgspec.msgpack.encode(_Stored(part, digest))
        mark = self._mark(name, state, stored)
        self._new[name] = (name, state, stored, hashes.contents, hashes.leaves, mark)

    def _hashes(self, name: str, unit: Unit) -> PartHashes:
        """Return the hashes of a remembered part; read again if they are damaged."""
        with suppress(sqlite3.Error, msgspec.DecodeError, ValueError, TypeError):
            with closing(self._connected()) as database:
                query = "SELECT part, contents, leaves FROM part WHERE name = ?"
                part, contents, leaves = database.execute(query, (name,)).fetchone()
            stored = msgspec.msgpack.decode(part, type=_Stored)
            is_known = self._known[name].part == part
            if is_known and sha256(contents + leaves).digest() == stored.hashes:
                return PartHashes(contents, leaves)
        return check_segments(unit, self.public_key).parts[0][1]

    def _mark(self, name: str, state: str, part: bytes) -> bytes:
        about = f"{name}\0{state}\0".encode() + sha256(self.public_key).digest() + part
        return hmac.digest(self._key, about, "sha256")

    def _read(self) -> Mapping[str, _Entry]:
        with suppress(sqlite3.Error, TypeError), closing(self._connected()) as database:
            rows = database.execute("SELECT name, state, part, mark FROM part")
            return {name: _Entry(state, part, mark) for name, state, part, mark in rows}
        return {}

    def _keep(self) -> None:
        """Store what is new. Where that is not possible, such as in a copy, it is read again."""
        file = self.home.checked_log
        try:
            file.touch(mode=0o600)
            with closing(self._connected()) as database:
                database.execute("BEGIN IMMEDIATE")
                database.execute(_SCHEMA)
                database.executemany(
                    "INSERT OR REPLACE INTO part VALUES (?, ?, ?, ?, ?, ?)", self._new.values()
                )
                database.execute("COMMIT")
        except (OSError, sqlite3.OperationalError):
            return
        except sqlite3.Error:  # damaged: it is made anew
            with suppress(OSError):
                file.unlink(missing_ok=True)

    def _connected(self) -> sqlite3.Connection:
        address = f"{self.home.checked_log.absolute().as_uri()}?mode=rw"
        return sqlite3.connect(address, timeout=5.0, isolation_level=None, uri=True)


class _Stored(msgspec.Struct, frozen=True):
    part: ChainPart
    hashes: bytes
    """SHA-256 of the hashes, which are stored beside it."""


def _given(hashes: PartHashes) -> HashesOf:
    return lambda: hashes


def _name_of(unit: Unit) -> str:
    """Return the name of the packed file of a unit; empty if its segments have own files."""
    first = unit[0]
    return f"{first.stage}/{first.model}/{first.packed}" if first.packed else ""


def _state_of(unit: Unit) -> str:
    """Return what changes if somebody changes the packed file; empty without one."""
    if not unit[0].packed:
        return ""
    try:
        status = (unit[0].folder / unit[0].packed).stat()
    except OSError:
        return ""
    return f"{status.st_ino} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"


def _shown(unit: Unit, public_key: bytes) -> Iterator[str]:
    """Yield what a packed file shows other programs otherwise than it is."""
    if not unit[0].packed:
        return
    try:
        require_shown(unit[0].folder / unit[0].packed, public_key)
    except FileNotFoundError:
        return  # replaced meanwhile: whoever replaced it read it back
    except VerificationError as error:
        yield error.message
    except (pa.ArrowException, OSError) as error:
        yield f"{unit[0].packed}: other programs cannot read it: {error}"
