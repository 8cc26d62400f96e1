"""Sends one blob in parts, each of which can be sent again (distribution specification, push).

It is for content that can be read only once, or whose digest is not known yet. `streaming` sends
all other large blobs.
"""

from collections.abc import Iterable, Iterator

from goldenpath.digest import Digest
from goldenpath.errors import Unavailable
from goldenpath.oci.descriptor import Descriptor
from goldenpath.oci.stores.session import Session
from goldenpath.oci.stream import Meter

PART = 8 * 1024 * 1024
"""Bytes that are kept in memory until the registry has them."""


class Upload:
    """Sends one blob through an open session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._meter = Meter()

    def write(self, chunks: Iterable[bytes], digest: Digest | None = None) -> "Upload":
        """Send everything and close the session under the digest of the content.

        If `digest` is given, the source hashes the content itself. If the source fails, the session
        is cancelled and the registry keeps nothing.
        """
        size = max(PART, self._session.min_part)
        sent = 0
        try:
            parts = _parts(chunks if digest else self._meter.through(chunks), size)
            part = next(parts, b"")
            while len(part) >= size or (sent and part):
                sent = self._patch(part, sent)
                part = b""
                part = next(parts, b"")
            self._close(part, sent, digest or self._meter.digest)
        except BaseException:
            self._session.cancel()
            raise
        return self

    def described(self, media_type: str) -> Descriptor:
        """Return the descriptor of the content that was sent."""
        return Descriptor(media_type, self._meter.digest, self._meter.size)

    def _patch(self, part: bytes, start: int) -> int:
        end = start + len(part)
        rest = part
        for attempt in range(1, self._session.limits.attempts + 1):
            try:
                if self._session.patch(rest, end - len(rest), end):
                    return end
            except Unavailable:
                self._session.pause(attempt)
            rest = self._missing(part, start)
            if not rest:
                return end
        raise Unavailable(
            f"upload broke off {self._session.limits.attempts} times after byte {start}"
        )

    def _missing(self, part: bytes, start: int) -> bytes:
        """Return the end of `part` that the registry does not have yet."""
        received = self._session.received()
        if received is None or not start <= received <= start + len(part):
            raise Unavailable(
                f"registry lost an upload: expected {start} bytes or more, "
                f"got {'no session' if received is None else received}"
            )
        return part[received - start :]

    def _close(self, part: bytes, start: int, digest: Digest) -> None:
        for attempt in range(1, self._session.limits.attempts + 1):
            try:
                if self._session.finish(digest, part, start, start + len(part)):
                    return
            except Unavailable:
                self._session.pause(attempt)
            if self._session.has_blob(digest):
                return
            if not start:
                self._session.start()
        raise Unavailable(f"registry did not complete the upload of {digest}")


def _parts(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
    waiting: list[bytes] = []
    have = 0
    for chunk in chunks:
        waiting.append(chunk)
        have += len(chunk)
        if have >= size:
            part, waiting, have = b"".join(waiting), [], 0
            yield part
    if have:
        yield b"".join(waiting)
