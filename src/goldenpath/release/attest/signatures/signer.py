"""The protocol of a machine's signing key: a PEM file, or a command for a KMS or HSM.

People sign with their own SSH keys (`sshsig`), so facts and judgements never share a key.
"""

from typing import Protocol


class Signer(Protocol):
    """Holds one ECDSA P-256 key and signs with SHA-256."""

    def public_key(self) -> bytes:
        """The public key, as DER of its SubjectPublicKeyInfo."""

    def sign(self, message: bytes) -> bytes:
        """Return the DER signature of `message`. Raises `Unavailable` if the key cannot sign."""
