"""Content in motion: counted and hashed while it passes, each byte once."""

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

Again = Callable[[int], Iterable[bytes]]
"""Reads a content once more, from a byte on."""
Watch = Callable[[int], AbstractContextManager[Callable[[int], object]]]
"""Given the bytes that will be read, wants to hear of each piece that was."""
_ASIDE = 4 * 1024 * 1024
"""Bytes from which on a thread of its own hashes, while the chunk is being written or sent."""


def unwatched(_total: int) -> AbstractContextManager[Callable[[int], object]]:
    """The `Watch` of nobody."""
    return nullcontext(lambda _size: None)


class Meter:
    """Passes chunks on and knows size and digest of what has passed."""

    def __init__(self) -> None:
        self._state = hashlib.sha256()
        self._aside: ThreadPoolExecutor | None = None
        self._running: Future[None] | None = None
        self.size = 0

    def through(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The same chunks."""
        try:
            for chunk in chunks:
                self._update(chunk)
                yield chunk
        finally:
            self._settle()
            if self._aside is not None:
                self._aside.shutdown()
                self._aside = None

    @property
    def digest(self) -> Digest:
        """Digest of everything so far."""
        self._settle()
        return Digest("sha256:" + self._state.hexdigest())

    def _update(self, chunk: bytes) -> None:
        self.size += len(chunk)
        if self.size <= _ASIDE:
            self._state.update(chunk)
            return
        if self._aside is None:
            # Small contents never get here, and its import takes ten milliseconds.
            from concurrent.futures import ThreadPoolExecutor

            self._aside = ThreadPoolExecutor(1, thread_name_prefix="hash")
        # One chunk is hashed while the next is read: memory stays bounded, order is kept.
        self._settle()
        self._running = self._aside.submit(self._state.update, chunk)

    def _settle(self) -> None:
        if self._running is not None:
            self._running.result()
            self._running = None


class VerifiedStream(Iterator[bytes]):
    """Chunks that end with `VerificationError` if they are not what `descriptor` says.

    A type of its own, so that a destination need not hash again what its source hashes already.
    """

    def __init__(
        self,
        descriptor: Descriptor,
        chunks: Iterable[bytes],
        again: Again | None = None,
    ) -> None:
        self.descriptor = descriptor
        self._chunks = _verified(descriptor, chunks)
        self._again = again
        self._told: Callable[[int], None] | None = None

    @property
    def is_repeatable(self) -> bool:
        """Whether `again` can be asked."""
        return self._again is not None

    def again(self, prefix: Iterable[bytes] = (), size: int = 0) -> "VerifiedStream":
        """The same content from its first byte, for what got lost on its way.

        Its first `size` bytes come from `prefix`, a copy that broke off; they are verified too.
        """
        if self._again is None:
            raise InvalidInput(f"{self.descriptor.digest} can be read only once")
        found = VerifiedStream(self.descriptor, chain(prefix, self._again(size)), self._again)
        found._told = self._told
        return found

    def telling(self, told: Callable[[int], None]) -> "VerifiedStream":
        """The same; `told` hears the size of every chunk that passes."""
        self._told = told
        return self

    def __next__(self) -> bytes:
        chunk = next(self._chunks)
        if self._told is not None:
            self._told(len(chunk))
        return chunk


def verified(
    descriptor: Descriptor,
    chunks: Iterable[bytes],
    again: Again | None = None,
) -> VerifiedStream:
    """The same chunks; ends with `VerificationError` if they are not what `descriptor` says.

    Stops at the first byte too many, so that nothing endless is read for a small promise. `again`
    reads the content once more from a byte on, for a source that can.
    """
    if isinstance(chunks, VerifiedStream):
        promised = (chunks.descriptor.digest, chunks.descriptor.size)
        if promised == (descriptor.digest, descriptor.size):
            return chunks
    return VerifiedStream(descriptor, chunks, again)


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
    """Raises `VerificationError` unless what passed `meter` is what `descriptor` says."""
    if meter.size != descriptor.size:
        raise VerificationError(
            f"{descriptor.digest} has the wrong size: "
            f"expected {descriptor.size} bytes, got {meter.size}"
        )
    if meter.digest != descriptor.digest:
        raise VerificationError(
            f"content has the wrong digest: expected {descriptor.digest}, got {meter.digest}",
            hint="the copy is damaged or was changed; fetch it again from where it was built",
        )
