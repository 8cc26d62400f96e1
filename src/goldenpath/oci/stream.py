"""Streams of content that are counted, hashed and verified while they are read, each byte once."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import chain
from typing import TYPE_CHECKING

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, VerificationError
from goldenpath.oci.descriptor import Descriptor

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

Reread = Callable[[int], Iterable[bytes]]
"""Reads the content again, from the given byte offset to its end."""
TrackProgress = Callable[[int], AbstractContextManager[Callable[[int], object]]]
"""Called with the total in bytes; the result is a context that takes the size of each chunk."""
_THREADED = 4 * 1024 * 1024
"""Bytes after which a thread hashes each chunk while the chunk is written or sent."""


def untracked(_total: int) -> AbstractContextManager[Callable[[int], object]]:
    """Ignore all progress; the default `TrackProgress`."""
    return nullcontext(lambda _size: None)


class Meter:
    """Counts and hashes the chunks that pass through it."""

    def __init__(self) -> None:
        self._state = hashlib.sha256()
        self._hasher: ThreadPoolExecutor | None = None
        self._running: Future[None] | None = None
        self.size = 0

    def through(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the same chunks, counted and hashed."""
        try:
            for chunk in chunks:
                self._update(chunk)
                yield chunk
        finally:
            self._await_hash()
            if self._hasher is not None:
                self._hasher.shutdown()
                self._hasher = None

    @property
    def digest(self) -> Digest:
        """The digest of all chunks so far."""
        self._await_hash()
        return Digest("sha256:" + self._state.hexdigest())

    def _update(self, chunk: bytes) -> None:
        self.size += len(chunk)
        if self.size <= _THREADED:
            self._state.update(chunk)
            return
        if self._hasher is None:
            # Imported late: it takes ten milliseconds, and small contents never need it.
            from concurrent.futures import ThreadPoolExecutor

            self._hasher = ThreadPoolExecutor(1, thread_name_prefix="hash")
        # One chunk is hashed while the next one is read: memory stays bounded, the order is kept.
        self._await_hash()
        self._running = self._hasher.submit(self._state.update, chunk)

    def _await_hash(self) -> None:
        if self._running is not None:
            self._running.result()
            self._running = None


class VerifiedStream(Iterator[bytes]):
    """Chunks that end with `VerificationError` if they do not match `descriptor`.

    It is a type of its own so that a destination knows that its source hashes the content already.
    """

    def __init__(
        self,
        descriptor: Descriptor,
        chunks: Iterable[bytes],
        reread: Reread | None = None,
    ) -> None:
        self.descriptor = descriptor
        self._chunks = _verified(descriptor, chunks)
        self._reread = reread
        self._progress: Callable[[int], None] | None = None

    @property
    def is_repeatable(self) -> bool:
        """Whether the content can be read again."""
        return self._reread is not None

    def restarted(self, prefix: Iterable[bytes] = (), size: int = 0) -> "VerifiedStream":
        """Return a stream of the same content from its first byte, to send or write it again.

        Its first `size` bytes come from `prefix`, an incomplete copy; they are verified too.
        """
        if self._reread is None:
            raise InvalidInput(f"{self.descriptor.digest} can be read only once")
        stream = VerifiedStream(self.descriptor, chain(prefix, self._reread(size)), self._reread)
        stream._progress = self._progress
        return stream

    def reporting(self, progress: Callable[[int], None]) -> "VerifiedStream":
        """Call `progress` with the size of every chunk from now on; returns this stream."""
        self._progress = progress
        return self

    def __next__(self) -> bytes:
        chunk = next(self._chunks)
        if self._progress is not None:
            self._progress(len(chunk))
        return chunk


def verified(
    descriptor: Descriptor,
    chunks: Iterable[bytes],
    reread: Reread | None = None,
) -> VerifiedStream:
    """Return a stream of the same chunks that verifies them against `descriptor`.

    It ends with `VerificationError` if they do not match. It stops at the first byte too many, so
    an endless source is not read to its end. `reread` is for a source that can be read again.
    """
    if isinstance(chunks, VerifiedStream):
        promised = (chunks.descriptor.digest, chunks.descriptor.size)
        if promised == (descriptor.digest, descriptor.size):
            return chunks
    return VerifiedStream(descriptor, chunks, reread)


def _verified(descriptor: Descriptor, chunks: Iterable[bytes]) -> Iterator[bytes]:
    meter = Meter()
    for chunk in meter.through(chunks):
        if meter.size > descriptor.size:
            raise VerificationError(
                f"{descriptor.digest} has the wrong size: "
                f"expected {descriptor.size} bytes, got more"
            )
        yield chunk
    check(descriptor, meter)


def check(descriptor: Descriptor, meter: Meter) -> None:
    """Raise `VerificationError` unless the content that passed `meter` matches `descriptor`."""
    if meter.size != descriptor.size:
        raise VerificationError(
            f"{descriptor.digest} has the wrong size: "
            f"expected {descriptor.size} bytes, got {meter.size}"
        )
    if meter.digest != descriptor.digest:
        raise VerificationError(
            f"content has the wrong digest: expected {descriptor.digest}, got {meter.digest}",
            hint="the copy is damaged or was changed; copy it again from where it was built",
        )
