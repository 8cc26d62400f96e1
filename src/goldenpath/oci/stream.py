"""Content in motion: counted and hashed while it passes, each byte once."""

import hashlib
from collections.abc import Callable, Iterable, Iterator

from goldenpath.digest import Digest
from goldenpath.errors import VerificationError
from goldenpath.oci.descriptor import Descriptor


class Meter:
    """Passes chunks on and knows size and digest of what has passed."""

    def __init__(self) -> None:
        self._state = hashlib.sha256()
        self.size = 0

    def through(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The same chunks."""
        for chunk in chunks:
            self._state.update(chunk)
            self.size += len(chunk)
            yield chunk

    @property
    def digest(self) -> Digest:
        """Digest of everything so far."""
        return Digest("sha256:" + self._state.hexdigest())


class Verified(Iterator[bytes]):
    """Chunks that end with `VerificationError` if they are not what `descriptor` says.

    A type of its own, so that a destination need not hash again what its source hashes already.
    """

    def __init__(self, descriptor: Descriptor, chunks: Iterable[bytes]) -> None:
        self.descriptor = descriptor
        self._chunks = _verified(descriptor, chunks)
        self._told: Callable[[int], None] | None = None

    def telling(self, told: Callable[[int], None]) -> "Verified":
        """The same; `told` hears the size of every chunk that passes."""
        self._told = told
        return self

    def __next__(self) -> bytes:
        chunk = next(self._chunks)
        if self._told is not None:
            self._told(len(chunk))
        return chunk


def verified(descriptor: Descriptor, chunks: Iterable[bytes]) -> Verified:
    """The same chunks; ends with `VerificationError` if they are not what `descriptor` says.

    Stops at the first byte too many, so that nothing endless is read for a small promise.
    """
    if isinstance(chunks, Verified):
        promised = (chunks.descriptor.digest, chunks.descriptor.size)
        if promised == (descriptor.digest, descriptor.size):
            return chunks
    return Verified(descriptor, chunks)


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
