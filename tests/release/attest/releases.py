"""A small image in a store, to sign and to attack."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import ec

from goldenpath.oci.descriptor import IMAGE_CONFIG, IMAGE_LAYER, IMAGE_MANIFEST, Descriptor
from goldenpath.oci.manifest import Manifest
from goldenpath.oci.store import Store
from goldenpath.oci.stores.memory import MemoryStore
from goldenpath.release.attest.keys import PemSigner, public_pem

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=30)
REPOSITORY = "registry.example/models/credit"


def new_signer() -> PemSigner:
    """A fresh key in memory."""
    return PemSigner(ec.generate_private_key(ec.SECP256R1()))


def push(store: Store, media_type: str, content: bytes) -> Descriptor:
    """Stores one content."""
    descriptor = Descriptor.of(media_type, content)
    store.push(descriptor, [content])
    return descriptor


def push_image(store: Store, weights: bytes = b"weights") -> Descriptor:
    """Stores an image of one layer."""
    config = push(store, IMAGE_CONFIG, b'{"architecture":"amd64","os":"linux"}')
    layer = push(store, IMAGE_LAYER, weights)
    return push(store, IMAGE_MANIFEST, Manifest(config, (layer,)).render())


@dataclass(frozen=True, slots=True)
class Bench:
    """A store, an image in it and a key."""

    store: Store
    image: Descriptor
    signer: PemSigner

    @property
    def signer_pem(self) -> bytes:
        """The public key of the signer."""
        return public_pem(self.signer)


def bench() -> Bench:
    """A fresh one in memory."""
    store = MemoryStore()
    return Bench(store, push_image(store), new_signer())
