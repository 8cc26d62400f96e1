"""Sends one blob in parts, each of which can be sent again (distribution specification, push).

For content that is read once and whose digest nobody knows yet; `streaming` sends the rest.
"""

from collections.abc import Iterable, Iterator

from goldenpath.digest import Digest
from goldenpath.errors import Unavailable
from goldenpath.oci.descriptor import Descriptor
from goldenpath.oci.stores.session import Session
from goldenpath.oci.stream import Meter

PART = 8 * 1024 * 1024
"""Bytes kept in memory until the registry has them."""


class Upload:
    """The content of one session, which is open."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._meter = Meter()

    def write(self, chunks: Iterable[bytes], digest: Digest | None = None) -> "Upload":
        """Sends everything and closes the session under the digest it turned out to have.

        Content whose `digest` is known is hashed by its source. If the source fails, the session
        is given up and nothing is kept.
        """
        size = max(PART, self._session.least_part)
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
            self._session.give_up()
            raise
        return self

    def described(self, media_type: str) -> Descriptor:
        """What was sent."""
        return Descriptor(media_type, self._meter.digest, self._meter.size)

    def _patch(self, part: bytes, start: int) -> int:
        end = start + len(part)
        rest = part
        for attempt in range(1, self._session.patience.attempts + 1):
            try:
                if self._session.patch(rest, end - len(rest), end):
                    return end
            except Unavailable:
                self._session.pause(attempt)
            rest = self._missing(part, start)
            if not rest:
                return end
        raise Unavailable("the registry does not take up a broken upload")

    def _missing(self, part: bytes, start: int) -> bytes:
        """The end of `part` that the registry does not have yet."""
        received = self._session.received()
        if received is None or not start <= received <= start + len(part):
            raise Unavailable(f"the registry lost an upload: it has {received} bytes of {start}")
        return part[received - start :]

    def _close(self, part: bytes, start: int, digest: Digest) -> None:
        for attempt in range(1, self._session.patience.attempts + 1):
            try:
                if self._session.finish(digest, part, start, start + len(part)):
                    return
            except Unavailable:
                self._session.pause(attempt)
            if self._session.holds(digest):
                return
            if not start:
                self._session.start()
        raise Unavailable(f"the registry does not finish the upload of {digest}")


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
