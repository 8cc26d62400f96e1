"""Sends one large blob straight from where it lies, and takes up what another process began.

Few large requests: registries write to disk for good after each. What broke off goes on where the
registry has it; a registry that forgot the session gets everything again.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, NotFound, Unavailable, VerificationError
from goldenpath.oci.stores.session import Session
from goldenpath.oci.stream import VerifiedStream

STREAMED = 64 * 1024 * 1024
"""Bytes of one request. Some registries keep nothing of a request that broke off."""
_LONGEST_LOCATION = 8192


class Unfinished:
    """Where upload sessions are that may outlive this process: a small file each."""

    def __init__(self, folder: Path | None) -> None:
        """Without a folder nothing is remembered."""
        self._folder = folder

    def find(self, name: str) -> str | None:
        """The place of the session, if one was left."""
        if self._folder is None:
            return None
        try:
            with (self._folder / name).open("rb") as file:
                found = file.read(_LONGEST_LOCATION).decode("ascii", "replace")
        except OSError:
            # Whatever is wrong with the note, the upload merely starts from its beginning.
            return None
        return found if found.isprintable() and found else None

    def keep(self, name: str, location: str) -> None:
        """Notes the place; a folder that cannot be written costs a later push, not this one."""
        if self._folder is None:
            return
        partial = self._folder / f".{token_hex(8)}"
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(location.encode())
            partial.replace(self._folder / name)

    def drop(self, name: str) -> None:
        """Forgets the session."""
        if self._folder is not None:
            with suppress(OSError):
                (self._folder / name).unlink()


def stream(
    session: Session,
    source: VerifiedStream,
    mounts: Sequence[str],
    unfinished: Unfinished,
    *,
    name: str,
) -> None:
    """Brings `source` to the registry, by a session that `unfinished` knows as `name` or anew.

    While the registry cannot be reached the session stays; if the source is damaged it is given
    up. Raises what the source raises, and `Unavailable` once patience is over.
    """
    digest = source.descriptor.digest
    session.location = unfinished.find(name) or ""
    if not session.location or not _is_alive(session):
        if session.start(digest, mounts):
            return
        start = 0
    else:
        start = session.received() or 0
    reader = _Reader(source)
    try:
        for attempt in range(1, session.patience.attempts + 1):
            with suppress(Unavailable):
                if _send(session, reader, start, unfinished, name=name):
                    unfinished.drop(name)
                    return
            session.pause(attempt)
            if session.holds(digest):
                unfinished.drop(name)
                return
            received = session.received()
            if received is None:
                session.start()
            start = received or 0
    except (InvalidInput, NotFound, VerificationError):
        session.give_up()
        unfinished.drop(name)
        raise
    raise Unavailable(f"the registry does not take {digest}: it broke off again and again")


def _is_alive(session: Session) -> bool:
    try:
        return session.received() is not None
    except (InvalidInput, VerificationError):
        # An old note that leads nowhere: a new session will do.
        return False


def _send(
    session: Session, reader: "_Reader", start: int, unfinished: Unfinished, *, name: str
) -> bool:
    """Whether everything from byte `start` on arrived."""
    digest, size = reader.source.descriptor.digest, reader.source.descriptor.size
    while size - start > STREAMED:
        end = start + STREAMED
        unfinished.keep(name, session.location)
        if not session.patch(reader.span(start, end), start, end):
            return False
        start = end
    unfinished.keep(name, session.location)
    return session.finish(digest, reader.span(start, size), start, size)


class _Span:
    """A part of a content as a body: begins to read each time it is called."""

    def __init__(self, reader: "_Reader", start: int, end: int) -> None:
        self._reader, self._start, self._end = reader, start, end

    def __call__(self) -> Iterator[bytes]:
        return self._reader.read(self._start, self._end)


class _Reader:
    """A content from any place: goes on where it stands, else begins again and passes over."""

    def __init__(self, source: VerifiedStream) -> None:
        self.source = source
        self._chunks: Iterator[bytes] = source
        self._rest = b""
        self._at = 0

    def span(self, start: int, end: int) -> _Span:
        """The bytes from `start` up to `end` as a body that can be sent again."""
        return _Span(self, start, end)

    def read(self, start: int, end: int) -> Iterator[bytes]:
        """The bytes; the last ones of the content only once all of it was verified."""
        if start != self._at:
            self._chunks, self._rest, self._at = self.source.again(), b"", 0
        while self._at < start:
            self._pass(start - self._at)
        while self._at < end:
            chunk = self._pass(end - self._at)
            if self._at == self.source.descriptor.size:
                # Asking for more is what verifies; the registry never gets a whole damaged blob.
                for _ in self._chunks:
                    break
            yield chunk

    def _pass(self, most: int) -> bytes:
        chunk = self._rest or next(self._chunks, b"")
        if not chunk:
            raise VerificationError(f"{self.source.descriptor.digest} ended early")
        self._rest = chunk[most:]
        chunk = chunk[:most]
        self._at += len(chunk)
        return chunk


def note_name(base: str, repository: str, digest: Digest) -> str:
    """The name under which the session of a blob is remembered."""
    return Digest.of(f"{base} {repository} {digest}".encode()).hex
