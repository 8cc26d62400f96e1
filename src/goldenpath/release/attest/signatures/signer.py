"""The seam of signing with a machine's key: a PEM file here, a KMS or HSM by a command elsewhere.

People sign with their own SSH keys (`sshsig`), so that facts and judgements never share a key.
"""

from typing import Protocol


class Signer(Protocol):
    """Holds one ECDSA P-256 key and signs with SHA-256."""

    def public_key(self) -> bytes:
        """The public key, as DER of its SubjectPublicKeyInfo."""

    def sign(self, message: bytes) -> bytes:
        """The DER signature over `message`. Raises `Unavailable` if the key cannot be used now."""
