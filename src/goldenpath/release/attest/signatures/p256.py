"""The public side of a machine's key: ECDSA on P-256 with SHA-256, and nothing else.

A verifier spends its life here, so this imports little: the key's DER has one form only, which is
compared instead of parsed.
"""

import base64
import binascii
import re

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

_HEAD = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")
"""What a SubjectPublicKeyInfo of P-256 begins with, before the point (RFC 5480)."""
_PEM = re.compile(
    r"-----BEGIN PUBLIC KEY-----\n(?P<body>[A-Za-z0-9+/=\n]+)-----END PUBLIC KEY-----\n?"
)
_SHA256 = ec.ECDSA(hashes.SHA256())


def is_public_key(der: bytes) -> bool:
    """Whether it is the DER of a public key on P-256, its point written in full and on the curve.

    Every writer of such keys writes it so; the short form of the point is not taken.
    """
    return _point(der) is not None


def is_signed(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` is that key's over `message`. Any other kind of key says no."""
    key = _point(public_key)
    if key is None:
        return False
    try:
        key.verify(signature, message, _SHA256)
    except InvalidSignature:
        return False
    return True


def from_pem(text: str) -> bytes:
    """The DER in one PEM block of a public key; empty if it is none on P-256."""
    found = _PEM.fullmatch(text)
    try:
        der = base64.b64decode(found["body"].replace("\n", ""), validate=True) if found else b""
    except binascii.Error:
        return b""
    return der if is_public_key(der) else b""


def to_pem(der: bytes) -> str:
    """The PEM block, as cosign, openssl and policies take it."""
    text = base64.b64encode(der).decode()
    body = "\n".join(text[at : at + 64] for at in range(0, len(text), 64))
    return f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n"


def _point(der: bytes) -> ec.EllipticCurvePublicKey | None:
    if len(der) != len(_HEAD) + 65 or not der.startswith(_HEAD) or der[len(_HEAD)] != 4:
        return None
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), der[len(_HEAD) :])
    except ValueError:
        return None
