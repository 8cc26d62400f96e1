"""Content in motion: counted and hashed while it passes, each byte once."""

import hashlib
from collections.abc import Iterable, Iterator

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


def verified(descriptor: Descriptor, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same chunks; ends with `VerificationError` if they are not what `descriptor` says.

    Stops at the first byte too many, so that nothing endless is read for a small promise.
    """
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
