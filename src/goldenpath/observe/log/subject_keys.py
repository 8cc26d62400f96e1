"""The keys of the people that predictions are about. A person is erased by deleting their key.

The log never changes, so its personal data is encrypted with a random key for each person. The log
names the person by a pseudonym that is derived from this key. Keys are stored outside the log and
can be deleted. They are indexed by a keyed hash of the name.

Inputs also need the key of the day on which their stage sealed them. Once that key is deleted,
nobody can decrypt the inputs of that day. All signatures and digests stay valid.
"""

import hmac
import secrets
import sqlite3
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from goldenpath.errors import Unavailable, VerificationError

FILE = "subjects.db"
_MOST_CACHED = 200_000
_SCHEMA = """
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS subject (place BLOB PRIMARY KEY, key BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS day (name TEXT PRIMARY KEY, key BLOB NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Subject:
    """One person's pseudonym, and the cipher of one day."""

    reference: str
    """HMAC with the key of the person: without the key it cannot be linked to them."""
    cipher: AESGCM

    @classmethod
    def of(cls, key: bytes, day: bytes) -> "Subject":
        """Return the subject for the random keys of a person and of a day."""
        reference = hmac.digest(key, b"goldenpath subject reference", "sha256").hex()
        return cls(reference, AESGCM(hmac.digest(day, key, "sha256")))

    def open(self, ciphertext: bytes, prediction_id: str) -> bytes:
        """Decrypt. Raises `VerificationError` if the key is wrong or the text was changed."""
        try:
            return self.cipher.decrypt(ciphertext[:12], ciphertext[12:], prediction_id.encode())
        except InvalidTag as error:
            raise VerificationError(
                f"inputs of prediction {prediction_id} do not open with the key on record"
            ) from error


def day_of(now: datetime, stage: str) -> str:
    """Return the name of the key of a day in a stage."""
    return f"{now:%Y-%m-%d} {stage}"


class Subjects:
    """The keys of all people and days, in a SQLite file that only its owner may read."""

    def __init__(self, keys: Path) -> None:
        """Open or create `subjects.db` in the folder. Raises `Unavailable` if that fails."""
        keys.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = keys / FILE
        try:
            path.touch(mode=0o600)
            self._database = sqlite3.connect(path, timeout=10, isolation_level=None)
            # Deleted content is overwritten, and no second file keeps a copy of it.
            self._database.execute("PRAGMA secure_delete=ON")
            self._database.execute("PRAGMA journal_mode=DELETE")
            self._database.execute("PRAGMA synchronous=FULL")
            self._database.executescript(_SCHEMA)
            self._index = self._setting("index")
            self._version = self._data_version()
        except (OSError, sqlite3.Error) as error:
            raise Unavailable(
                f"keys of subjects in {path} cannot be opened: {error}",
                hint="restore the file from a backup: without it nobody can open earlier inputs",
            ) from error
        self._caches: dict[str, dict[str, Subject]] = {}
        """Subjects that were looked up already, by day."""

    @classmethod
    def existing(cls, keys: Path) -> "Subjects":
        """Open the keys only for reading. Raises `Unavailable` if there are none."""
        self = cls.__new__(cls)
        path = keys / FILE
        try:
            address = f"{path.absolute().as_uri()}?mode=ro"
            self._database = sqlite3.connect(address, timeout=10, uri=True)
            rows = self._database.execute("SELECT value FROM setting WHERE name = 'index'")
            self._index = bytes(rows.fetchone()[0])
            self._version = self._data_version()
        except (OSError, sqlite3.Error, TypeError) as error:
            raise Unavailable(f"keys of subjects in {path} cannot be opened: {error}") from error
        self._caches = {}
        return self

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def keep(self, names: Iterable[str], day: str) -> Mapping[str, Subject]:
        """Return the subject of every name. New keys are on disk when it returns."""
        self._forget_what_others_erased()
        if day not in self._caches:
            # Each stage has its own day key; those of past days are not needed again.
            self._caches = {d: c for d, c in self._caches.items() if d[:10] == day[:10]}
        cache, needed = self._caches.get(day, {}), set(names)
        unknown = sorted(needed - cache.keys())
        if sum(map(len, self._caches.values())) + len(unknown) > _MOST_CACHED:
            self._caches.clear()
            cache, unknown = {}, sorted(needed)
        if unknown:
            self._load(unknown, day, cache)
        self._caches[day] = cache
        return cache

    def find(self, name: str, day: str) -> Subject | None:
        """Return the subject of a name. None if its key or that of the day does not exist."""
        row = self._database.execute(
            "SELECT key FROM subject WHERE place = ?", (self._place(name),)
        ).fetchone()
        of_day = self.day_key(day)
        return None if row is None or of_day is None else Subject.of(row[0], of_day)

    def all(self, day: str) -> Mapping[str, Subject]:
        """Return every remaining subject by reference. Empty if the day key is gone."""
        of_day = self.day_key(day)
        if of_day is None:
            return {}
        rows = self._database.execute("SELECT key FROM subject")
        subjects = (Subject.of(row[0], of_day) for row in rows)
        return {subject.reference: subject for subject in subjects}

    def day_key(self, day: str) -> bytes | None:
        """Return the key of a day (see `day_of`). None if it does not exist."""
        row = self._database.execute("SELECT key FROM day WHERE name = ?", (day,)).fetchone()
        return None if row is None else bytes(row[0])

    def days(self) -> list[str]:
        """Return the names of all days that have a key, the oldest first."""
        return sorted(day for (day,) in self._database.execute("SELECT name FROM day").fetchall())

    def reference(self, name: str) -> str | None:
        """Return the pseudonym of a name. None if it has no key."""
        row = self._database.execute(
            "SELECT key FROM subject WHERE place = ?", (self._place(name),)
        ).fetchone()
        return None if row is None else Subject.of(row[0], b"").reference

    def expire(
        self, before: str, stage: str | None = None, kept: Collection[str] = ()
    ) -> list[str]:
        """Destroy the keys of every day before `before` (`YYYY-MM-DD`). Return their names.

        `stage` limits it to one stage. Days from before stages had keys have the stage "". Days
        among `kept` stay.
        """
        gone = [
            day
            for day in self.days()
            if day[:10] < before and stage in (None, day[10:].strip()) and day not in kept
        ]
        self._database.executemany("DELETE FROM day WHERE name = ?", [(day,) for day in gone])
        self._caches.clear()
        return gone

    def erase(self, name: str) -> str | None:
        """Destroy the key of a name. Return its reference, None if there was no key."""
        place = (self._place(name),)
        row = self._database.execute("SELECT key FROM subject WHERE place = ?", place).fetchone()
        self._database.execute("DELETE FROM subject WHERE place = ?", place)
        for cache in self._caches.values():
            cache.pop(name, None)
        return None if row is None else Subject.of(row[0], b"").reference

    def _load(self, names: list[str], day: str, cache: dict[str, Subject]) -> None:
        fresh = [(self._place(name), secrets.token_bytes(32)) for name in names]
        try:
            self._database.execute("BEGIN IMMEDIATE")
            self._database.execute(
                "INSERT OR IGNORE INTO day VALUES (?, ?)", (day, secrets.token_bytes(32))
            )
            of_day = self._kept("SELECT key FROM day WHERE name = ?", day)
            self._database.executemany("INSERT OR IGNORE INTO subject VALUES (?, ?)", fresh)
            for name, (place, _) in zip(names, fresh, strict=True):
                key = self._kept("SELECT key FROM subject WHERE place = ?", place)
                cache[name] = Subject.of(key, of_day)
            self._database.execute("COMMIT")
        except sqlite3.Error as error:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            self._caches.clear()
            raise Unavailable(f"keys of subjects cannot be written: {error}") from error

    def _kept(self, query: str, name: str | bytes) -> bytes:
        """Return a key that was just written. In a torn file its index may not lead to it."""
        row = self._database.execute(query, (name,)).fetchone()
        if row is None:
            raise sqlite3.DatabaseError("a key is missing that was just written")
        key: bytes = row[0]
        return key

    def _forget_what_others_erased(self) -> None:
        try:
            version = self._data_version()
        except sqlite3.Error as error:
            raise Unavailable(f"keys of subjects cannot be read: {error}") from error
        if version != self._version:
            self._caches.clear()
            self._version = version

    def _data_version(self) -> int:
        return int(self._database.execute("PRAGMA data_version").fetchone()[0])

    def _place(self, name: str) -> bytes:
        return hmac.digest(self._index, name.encode(), "sha256")

    def _setting(self, name: str) -> bytes:
        self._database.execute(
            "INSERT OR IGNORE INTO setting VALUES (?, ?)", (name, secrets.token_bytes(32))
        )
        return self._kept("SELECT value FROM setting WHERE name = ?", name)
