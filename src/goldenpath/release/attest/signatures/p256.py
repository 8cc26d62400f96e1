"""Verifies signatures of machines: ECDSA on P-256 with SHA-256, and no other algorithm.

Every verification imports this module, so it imports little. The DER of such a key has only one
form, so the code compares the fixed bytes instead of parsing them.
"""

import base64
import binascii
import re
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

_HEAD = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")
"""The bytes of a P-256 SubjectPublicKeyInfo before the point (RFC 5480)."""
_PEM = re.compile(
    r"-----BEGIN PUBLIC KEY-----\n(?P<body>[A-Za-z0-9+/=\n]+)-----END PUBLIC KEY-----\n?"
)
_SHA256 = ec.ECDSA(hashes.SHA256())


def is_public_key(der: bytes) -> bool:
    """Whether `der` is a P-256 public key with an uncompressed point on the curve.

    All tools write keys in this form. A compressed point is refused.
    """
    return _point(der) is not None


def is_signed(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` is a good signature of `message` by the key; False for other keys."""
    key = _point(public_key)
    if key is None:
        return False
    try:
        key.verify(signature, message, _SHA256)
    except InvalidSignature:
        return False
    return True


def from_pem(text: str) -> bytes:
    """Return the DER of one PEM public key; empty if it is not a P-256 key."""
    block = _PEM.fullmatch(text)
    try:
        der = base64.b64decode(block["body"].replace("\n", ""), validate=True) if block else b""
    except binascii.Error:
        return b""
    return der if is_public_key(der) else b""


def to_pem(der: bytes) -> str:
    """Return the PEM block, as cosign, openssl and policies read it."""
    text = base64.b64encode(der).decode()
    body = "\n".join(text[at : at + 64] for at in range(0, len(text), 64))
    return f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n"


@lru_cache(maxsize=64)  # a long log has many signatures of one key
def _point(der: bytes) -> ec.EllipticCurvePublicKey | None:
    if len(der) != len(_HEAD) + 65 or not der.startswith(_HEAD) or der[len(_HEAD)] != 4:
        return None
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), der[len(_HEAD) :])
    except ValueError:
        return None
