"""Public SSH keys: their wire format, fingerprints, and which two lines are one key.

One key has several spellings: with and without a comment, an elliptic curve point whole or
compressed, as an SSH line or as PEM. Whoever counts people compares keys and never their spelling.
"""

import base64
import binascii
import hashlib
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from goldenpath.errors import InvalidInput, VerificationError
from goldenpath.release.attest.signatures.p256 import is_public_key

ED25519: Final = b"ssh-ed25519"
ECDSA: Final = b"ecdsa-sha2-nistp256"
RSA: Final = b"ssh-rsa"
TOKEN: Final = b"sk-ssh-ed25519@openssh.com"
"""A key of Ed25519 in a hardware token."""

PublicSshKey = Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey


class WireReader:
    """Strict reader of SSH's wire format (RFC 4251, section 5)."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def take(self, count: int) -> bytes:
        """Return the next bytes. Raises `VerificationError` if there are fewer."""
        if count > len(self._content) - self._at:
            raise VerificationError("SSH signature or key ends too early")
        self._at += count
        return self._content[self._at - count : self._at]

    def number(self) -> int:
        """Return the next four bytes as a number."""
        return int.from_bytes(self.take(4), "big")

    def string(self) -> bytes:
        """Return the next string, which begins with its length."""
        return self.take(self.number())

    def integer(self) -> int:
        """Return the next positive integer. Raises `VerificationError` if it is padded."""
        content = self.string()
        padded = content[:1] == b"\0" and content[1:2] < b"\x80"
        if not content or content[0] & 0x80 or padded:
            raise VerificationError("SSH signature or key holds a malformed integer")
        return int.from_bytes(content, "big")

    def end(self) -> None:
        """Raise `VerificationError` if bytes are left."""
        if self._at != len(self._content):
            raise VerificationError("SSH signature or key has bytes after its end")


def parse_public_key(blob: bytes) -> tuple[bytes, PublicSshKey, bytes]:
    """Return type, key and application of a public key. Raises `VerificationError`."""
    read = WireReader(blob)
    kind = read.string()
    application = b""
    key: PublicSshKey
    try:
        if kind in (ED25519, TOKEN):
            key = Ed25519PublicKey.from_public_bytes(read.string())
            application = read.string() if kind == TOKEN else b""
        elif kind == ECDSA:
            if read.string() != b"nistp256":
                raise VerificationError("SSH key names another curve than its type")
            key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), read.string())
        elif kind == RSA:
            exponent, modulus = read.integer(), read.integer()
            key = rsa.RSAPublicNumbers(exponent, modulus).public_key()
            if key.key_size < 2048:
                raise VerificationError(f"RSA key has {key.key_size} bits, expected 2048 or more")
        else:
            raise VerificationError(f"SSH key is of the unknown type {kind[:40]!r}")
    except ValueError as error:
        raise VerificationError(f"SSH key cannot be read: {error}") from error
    read.end()
    return kind, key, application


def public_line(text: str) -> str:
    """Return type and base64 of a line in OpenSSH's public key format, without its comment.

    Raises `InvalidInput` if it is not a key whose signatures can be verified here.
    """
    words = text.split()
    if len(words) < 2:
        raise InvalidInput(f"{text[:80]!r} is not a public SSH key: expected its type and base64")
    try:
        blob = decode_base64(words[1])
        kind = parse_public_key(blob)[0].decode()
    except VerificationError as error:
        raise InvalidInput(f"{text[:80]!r} is not a public SSH key: {error.message}") from error
    if kind != words[0]:
        raise InvalidInput(f"public SSH key says {words[0]} but holds {kind}")
    return f"{kind} {words[1]}"


def fingerprint(line: str) -> str:
    """Return the fingerprint that `ssh-keygen -l` shows."""
    return _fingerprint(base64.b64decode(line.split()[1]))


def fingerprints(line: str) -> frozenset[str]:
    """Return the fingerprints of a key: as the line spells it, and in its plain spelling."""
    try:
        return frozenset({_fingerprint(decode_base64(line.split()[1])), plain_fingerprint(line)})
    except (IndexError, VerificationError):
        return frozenset()


def plain_fingerprint(line: str) -> str:
    """Return the fingerprint of a key in its plain spelling. Raises `VerificationError`.

    It is the same however the key is spelled: a point whole or compressed, a key of Ed25519 with or
    without a token and whatever application its owner chose for that.
    """
    _, key, _ = parse_public_key(decode_base64(line.split()[1]))
    own = key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).split()[1]
    return _fingerprint(base64.b64decode(own))


def key_identity(line: str) -> bytes:
    """Return bytes that are the same for every spelling of one key, and for no other key.

    A line that cannot be read is only equal to itself.
    """
    try:
        return _identity(decode_base64(line.split()[1]))
    except (IndexError, VerificationError):
        return b"unread " + " ".join(line.split()[:2]).encode()


def pem_identity(der: bytes) -> bytes:
    """Return what `key_identity` returns, for the DER of a P-256 key of a machine."""
    return b"p256 " + der[-65:] if is_public_key(der) else b"unread " + der


def is_same_key(one: str, other: str) -> bool:
    """Whether two lines are spellings of one key."""
    return one == other or key_identity(one) == key_identity(other)


def decode_base64(text: str) -> bytes:
    """Return the bytes of canonical base64. Raises `VerificationError` for any other form."""
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise VerificationError(f"SSH signature or key is not base64: {error}") from error
    if base64.b64encode(content).decode() != text:
        raise VerificationError("SSH signature or key is not canonical base64")
    return content


def _fingerprint(blob: bytes) -> str:
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def _identity(blob: bytes) -> bytes:
    kind = WireReader(blob).string()
    if kind in (ED25519, TOKEN):
        # The application of a token is a label that its owner chooses.
        read = WireReader(blob)
        read.string()
        return b"ed25519 " + read.string()
    _, key, _ = parse_public_key(blob)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return b"p256 " + key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return b"rsa " + blob
