"""An index of the commits that changed deployments, so that nobody reads the whole history again.

The file is derived from git and may be deleted at any time. It belongs to one commit of `main`; a
later commit only adds rows. Each row has a digest, and before it is used git is asked whether the
last row of each deployment is what `main` has. If not, or if it cannot be written, git is read.

It holds what commits claim and who signed them. When they were seen, and who approved, is read for
each question. Reports do not use it: they read git.
"""

import hashlib
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, suppress
from datetime import datetime, timedelta
from functools import cached_property
from itertools import islice
from pathlib import Path

import msgspec

from goldenpath.audit.timeline.intent import (
    IntentReader,
    PlaceState,
    Sightings,
    read_commits,
    read_history,
    seen_at,
)
from goldenpath.audit.timeline.live_model import Intent, Intents, RecordedIntents
from goldenpath.errors import NotFound
from goldenpath.promote.manifests.deployment_files import (
    RELEASE_FILE,
    deployment_folder,
    folder_of,
)
from goldenpath.promote.manifests.restrictions import Files
from goldenpath.promote.repository.worktree import Repository

_VERSION = "1"
_SCHEMA = """
CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE place (stage TEXT, model TEXT, state BLOB NOT NULL, digest BLOB NOT NULL,
    PRIMARY KEY (stage, model)) WITHOUT ROWID;
CREATE TABLE intent (position INTEGER PRIMARY KEY, stage TEXT NOT NULL, model TEXT NOT NULL,
    claimed INTEGER NOT NULL, body BLOB NOT NULL, digest BLOB NOT NULL);
CREATE INDEX by_place ON intent (stage, model, position, claimed);
"""
_EARLY = timedelta(days=1)
"""A commit is never seen so long before its own date: it would have been refused."""
_WAIT = 5.0
"""Seconds to wait for another process that writes the index."""

Place = tuple[str, str]


class _Unusable(Exception):
    """The index is damaged, of another version, or about another history."""


# A damaged file may also hold a text where a number or bytes are expected.
_FAULTS = (_Unusable, sqlite3.Error, msgspec.MsgspecError, TypeError, ValueError)


def open_intents(
    file: Path, repository: Repository, head: str, sighting: Sightings, *, model: str | None = None
) -> Intents:
    """Return the commits up to `head` (on `model`), by the index in `file`.

    The index is brought up to `head`, and made anew if it is damaged.
    """
    index = IntentIndex(file, repository, head, sighting, model=model)
    for _ in range(2):
        try:
            index.follow()
        except (sqlite3.OperationalError, OSError):
            break  # it is locked, cannot be written, or the disk is full
        except _FAULTS:
            index.remove()
        else:
            return index
    return index.from_git


class IntentIndex:
    """The index in one SQLite file."""

    def __init__(
        self,
        file: Path,
        repository: Repository,
        head: str,
        sighting: Sightings,
        *,
        model: str | None = None,
    ) -> None:
        self._file = file
        self._repository = repository
        self._head = head
        self._sighting = sighting
        self._model = model

    @cached_property
    def from_git(self) -> Intents:
        """The same commits, read from git alone."""
        return RecordedIntents(
            read_history(self._repository, self._head, self._model, sighting=self._sighting)
        )

    def remove(self) -> None:
        """Remove the file, so that it is made anew."""
        with suppress(OSError):
            self._file.unlink(missing_ok=True)

    def follow(self) -> None:
        """Bring the index up to the commit, and check it. Raises one of `_FAULTS`, `OSError`."""
        if not self._is_there():
            self._extend()
        with closing(self._connected()) as database:
            states = dict(_states(database))
            rows = database.execute(
                "SELECT stage, model, count(*), sum(claimed) FROM intent GROUP BY stage, model"
            ).fetchall()
        sums = {place: (each.count, each.seconds) for place, each in states.items() if each.count}
        if sums != {(stage, model): (count, seconds) for stage, model, count, seconds in rows}:
            raise _Unusable
        self._check(states)

    def places(self) -> Iterable[Place]:
        """Return every stage and model with a commit."""
        with closing(self._connected()) as database:
            rows = database.execute("SELECT stage, model FROM place").fetchall()
        return [(stage, model) for stage, model in rows if self._model in (None, model)]

    def newest_first(self, place: Place, until: datetime) -> Iterator[Intent]:
        """Return the commits on one deployment that came by `until`, the last one first."""
        count = 0
        try:
            for intent in self._newest_first(place, until):
                yield intent
                count += 1
        except _FAULTS as error:
            if not isinstance(error, sqlite3.OperationalError):
                self.remove()
            yield from islice(self.from_git.newest_first(place, until), count, None)

    def _newest_first(self, place: Place, until: datetime) -> Iterator[Intent]:
        latest = (until + _EARLY).timestamp()
        with closing(self._connected()) as database:
            for row in database.execute(
                "SELECT position, stage, model, claimed, body, digest FROM intent"
                " WHERE stage = ? AND model = ? AND claimed <= ? ORDER BY position DESC",
                (*place, latest),
            ):
                intent = seen_at(_intent(row), self._sighting)
                if intent.time <= until:
                    yield intent

    def _connected(self) -> sqlite3.Connection:
        # What a killed process left behind can only be undone by who may write.
        may_write = os.access(self._file, os.W_OK) and os.access(self._file.parent, os.W_OK)
        address = f"{self._file.absolute().as_uri()}?mode={'rw' if may_write else 'ro'}"
        return sqlite3.connect(address, timeout=_WAIT, isolation_level=None, uri=True)

    def _is_there(self) -> bool:
        if not self._file.exists():
            return False
        with closing(self._connected()) as database:
            if not _has_tables(database):
                return False
            if _setting(database, "version") != _VERSION:
                raise _Unusable
            return _setting(database, "head") == self._head

    def _extend(self) -> None:
        """Add the rows of new commits; all of them, if the history is another one."""
        self._file.touch(mode=0o600)
        with closing(self._connected()) as database:
            database.execute("BEGIN IMMEDIATE")
            if not _has_tables(database):
                for statement in filter(str.strip, _SCHEMA.split(";")):
                    database.execute(statement)
                _set(database, version=_VERSION, head="", latest="0")
            start = _setting(database, "head")
            if start and not self._is_prefix(start, float(_setting(database, "latest"))):
                database.execute("DELETE FROM intent")
                database.execute("DELETE FROM place")
                _set(database, latest="0")
                start = ""
            if start != self._head:
                self._add(database, start or None)
            database.execute("COMMIT")

    def _is_prefix(self, start: str, latest: float) -> bool:
        """Whether the commits up to the head begin with those up to `start`, in the same order.

        They do unless a merge brings a commit that is older than the latest one up to `start`.
        """
        try:
            if start == self._head:
                return True
            if not self._repository.contains(start, self._head):
                return False
            new = read_commits(self._repository, self._repository.listed(start, self._head))
            dated = [(len(each.parents), each.time.timestamp()) for each in new]
        except NotFound:  # the copy of the repository was made anew without it
            return False
        return all(parents < 2 for parents, _ in dated) or all(time > latest for _, time in dated)

    def _add(self, database: sqlite3.Connection, start: str | None) -> None:
        states = _KeptStates(database)
        reader = IntentReader(self._repository, states)
        position = int(database.execute("SELECT count(*) FROM intent").fetchone()[0])
        for intent in reader.read(self._repository.listed(start, self._head)):
            place, claimed = (intent.stage, intent.model), int(intent.time.timestamp())
            body = msgspec.json.encode(intent)
            database.execute(
                "INSERT INTO intent VALUES (?, ?, ?, ?, ?, ?)",
                (position, *place, claimed, body, _digest(str(position), *place, body=body)),
            )
            position += 1
        states.store()
        latest = max(reader.latest, float(_setting(database, "latest")))
        _set(database, head=self._head, latest=repr(latest))

    def _check(self, states: Mapping[Place, PlaceState]) -> None:
        """Raise `_Unusable` unless the last commit of each deployment is what the head has."""
        listed = {
            (folder.split("/")[1], folder.split("/")[2])
            for path in self._repository.entries(self._head, "envs")
            if (folder := folder_of(path)) and not path.endswith(f"/{RELEASE_FILE}")
        }
        known = {place: state.touched for place, state in states.items() if state.touched}
        if listed - known.keys():
            raise _Unusable
        folders = {place: deployment_folder(*place) for place in known}
        names = [
            f"{each}:{folders[place]}" for place in known for each in (self._head, known[place])
        ]
        contents = dict(zip(names, self._repository.folders(names), strict=True))
        for place, folder in folders.items():
            now, then = (
                Files.of(folder, contents[f"{each}:{folder}"]).applied
                for each in (self._head, known[place])
            )
            if now != then:
                raise _Unusable


class _KeptStates(dict[Place, PlaceState]):
    """The states of deployments, read from the index when they are first needed."""

    def __init__(self, database: sqlite3.Connection) -> None:
        super().__init__()
        self._database = database

    def setdefault(self, place: Place, default: PlaceState) -> PlaceState:
        if place not in self:
            self[place] = dict(_states(self._database, place)).get(place, default)
        return self[place]

    def store(self) -> None:
        """Write back those that were needed."""
        for place, state in self.items():
            body = msgspec.json.encode(state)
            self._database.execute(
                "INSERT OR REPLACE INTO place VALUES (?, ?, ?, ?)",
                (*place, body, _digest(*place, body=body)),
            )


def _has_tables(database: sqlite3.Connection) -> bool:
    return database.execute("SELECT name FROM sqlite_master").fetchone() is not None


def _states(
    database: sqlite3.Connection, place: Place | None = None
) -> Iterator[tuple[Place, PlaceState]]:
    """Yield the state of one deployment, if it is there, or of all."""
    query, chosen = "SELECT stage, model, state, digest FROM place", place or ()
    rows = database.execute(f"{query} WHERE stage = ? AND model = ?" if place else query, chosen)
    for stage, model, body, digest in rows.fetchall():
        if digest != _digest(stage, model, body=body):
            raise _Unusable
        yield (stage, model), msgspec.json.decode(body, type=PlaceState)


def _intent(row: tuple[int, str, str, int, bytes, bytes]) -> Intent:
    position, stage, model, claimed, body, digest = row
    if digest != _digest(str(position), stage, model, body=body):
        raise _Unusable
    intent = msgspec.json.decode(body, type=Intent)
    if intent.time.timestamp() != claimed:
        raise _Unusable
    return intent


def _digest(*names: str, body: bytes) -> bytes:
    return hashlib.sha256("\0".join((*names, "")).encode() + body).digest()


def _setting(database: sqlite3.Connection, name: str) -> str:
    row = database.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise _Unusable
    return str(row[0])


def _set(database: sqlite3.Connection, **values: str) -> None:
    for name, value in values.items():
        database.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (name, value))
