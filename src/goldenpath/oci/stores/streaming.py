"""Sends one large blob directly from its source, and resumes an upload of a killed process.

It sends few large requests, since registries sync to disk after each one. After a failure it
continues with the first byte that the registry does not have. If the registry has forgotten the
session, it sends everything again.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, NotFound, Unavailable, VerificationError
from goldenpath.files import publish
from goldenpath.oci.stores.session import Session
from goldenpath.oci.stream import VerifiedStream

STREAMED = 64 * 1024 * 1024
"""Bytes of one request. Some registries discard a request that broke off."""
_MAX_LOCATION = 8192


class UploadNotes:
    """Remembers open upload sessions in one small file each, so another process can resume them."""

    def __init__(self, folder: Path | None) -> None:
        """Without a `folder` nothing is remembered."""
        self._folder = folder

    def find(self, name: str) -> str | None:
        """Return the URL of the session `name`, if there is one."""
        if self._folder is None:
            return None
        try:
            with (self._folder / name).open("rb") as file:
                location = file.read(_MAX_LOCATION).decode("ascii", "replace")
        except OSError:
            # Without a readable note the upload only starts from its beginning.
            return None
        return location if location.isprintable() and location else None

    def keep(self, name: str, location: str) -> None:
        """Remember the URL. If the folder cannot be written, only resuming is lost."""
        if self._folder is None:
            return
        with suppress(OSError):
            publish(self._folder / name, location.encode(), 0o600)

    def drop(self, name: str) -> None:
        """Forget the session."""
        if self._folder is not None:
            with suppress(OSError):
                (self._folder / name).unlink()


def stream(
    session: Session,
    source: VerifiedStream,
    mounts: Sequence[str],
    notes: UploadNotes,
    *,
    name: str,
) -> None:
    """Send `source` to the registry; resumes the session that `notes` knows as `name`.

    If the registry cannot be reached, the session stays open for a later process. If the source is
    damaged, the session is cancelled. Raises the errors of the source, and `Unavailable` when all
    attempts are used up.
    """
    digest = source.descriptor.digest
    session.location = notes.find(name) or ""
    if not session.location or not _is_alive(session):
        if session.start(digest, mounts):
            return
        start = 0
    else:
        start = session.received() or 0
    reader = _Reader(source)
    try:
        for attempt in range(1, session.limits.attempts + 1):
            with suppress(Unavailable):
                if _send(session, reader, start, notes, name=name):
                    notes.drop(name)
                    return
            session.pause(attempt)
            if session.has_blob(digest):
                notes.drop(name)
                return
            received = session.received()
            if received is None:
                session.start()
            start = received or 0
    except (InvalidInput, NotFound, VerificationError):
        session.cancel()
        notes.drop(name)
        raise
    raise Unavailable(
        f"upload of {digest} broke off {session.limits.attempts} times",
        hint="run the command again; it continues where the upload stopped",
    )


def _is_alive(session: Session) -> bool:
    try:
        return session.received() is not None
    except (InvalidInput, VerificationError):
        # The note is outdated: the registry no longer knows the session. A new one is opened.
        return False


def _send(
    session: Session, reader: "_Reader", start: int, notes: UploadNotes, *, name: str
) -> bool:
    """Send everything from byte `start` on; False if the registry expects other bytes."""
    digest, size = reader.source.descriptor.digest, reader.source.descriptor.size
    while size - start > STREAMED:
        end = start + STREAMED
        notes.keep(name, session.location)
        if not session.patch(reader.span(start, end), start, end):
            return False
        start = end
    notes.keep(name, session.location)
    return session.finish(digest, reader.span(start, size), start, size)


class _Span:
    """A part of the content as a request body; every call reads the part from its start."""

    def __init__(self, reader: "_Reader", start: int, end: int) -> None:
        self._reader, self._start, self._end = reader, start, end

    def __call__(self) -> Iterator[bytes]:
        return self._reader.read(self._start, self._end)


class _Reader:
    """Reads any part of a stream; if it is already past the part, it restarts the stream."""

    def __init__(self, source: VerifiedStream) -> None:
        self.source = source
        self._chunks: Iterator[bytes] = source
        self._rest = b""
        self._at = 0

    def span(self, start: int, end: int) -> _Span:
        """Return the bytes from `start` up to `end` as a body that can be sent again."""
        return _Span(self, start, end)

    def read(self, start: int, end: int) -> Iterator[bytes]:
        """Yield the bytes; the last ones only after the whole content was verified."""
        if start != self._at:
            self._chunks, self._rest, self._at = self.source.restarted(), b"", 0
        while self._at < start:
            self._next(start - self._at)
        while self._at < end:
            chunk = self._next(end - self._at)
            if self._at == self.source.descriptor.size:
                # The stream verifies when it is read past its end. So the registry never gets all
                # bytes of a damaged blob.
                for _ in self._chunks:
                    break
            yield chunk

    def _next(self, most: int) -> bytes:
        chunk = self._rest or next(self._chunks, b"")
        if not chunk:
            raise VerificationError(
                f"{self.source.descriptor.digest} ends too early: "
                f"expected {self.source.descriptor.size} bytes, got {self._at}"
            )
        self._rest = chunk[most:]
        chunk = chunk[:most]
        self._at += len(chunk)
        return chunk


def note_name(base: str, repository: str, digest: Digest) -> str:
    """Return the file name of the note about an upload of this blob."""
    return Digest.of(f"{base} {repository} {digest}".encode()).hex
