"""Bearer tokens of an OpenID provider: a signed set of claims, checked against its public keys.

RFC 7515, 7517, 7518 and 7519, as far as access tokens need them: RS256 and ES256 only, named by the
key and not by the token, so that nobody chooses an algorithm for us.
"""

import base64
import binascii
from collections.abc import Mapping

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from goldenpath.errors import InvalidInput, VerificationError

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
MOST_KEYS = 64
LEAST_RSA_BITS = 2048
LEEWAY = 30.0
"""Seconds by which clocks may differ."""


class Claims(msgspec.Struct, frozen=True):
    """What a token says, as far as it matters here. Times in seconds since 1970."""

    iss: str
    sub: str
    exp: float
    aud: str | list[str] = ""
    nbf: float = 0.0
    scope: str = ""
    scp: list[str] = []


class _Header(msgspec.Struct, frozen=True):
    alg: str
    kid: str = ""
    crit: list[str] | None = None


class _Jwk(msgspec.Struct, frozen=True):
    kty: str
    kid: str = ""
    use: str = "sig"
    crv: str = ""
    n: str = ""
    e: str = ""
    x: str = ""
    y: str = ""


class _Jwks(msgspec.Struct, frozen=True):
    keys: list[_Jwk]


def parse_jwks(content: bytes) -> Mapping[str, PublicKey]:
    """The signing keys of a JWK Set by their names; kinds that are not known here are left out.

    Raises `InvalidInput` if it is no JWK Set, or one with a key that is too weak.
    """
    try:
        found = msgspec.json.decode(content, type=_Jwks).keys
        if len(found) > MOST_KEYS:
            raise InvalidInput(f"the JWK Set has {len(found)} keys: expected at most {MOST_KEYS}")
        keys = {jwk.kid: _key(jwk) for jwk in found if jwk.use == "sig"}
    except (ValueError, binascii.Error) as error:
        raise InvalidInput(f"not a JWK Set: {error}") from error
    return {name: key for name, key in keys.items() if key is not None}


def _key(jwk: _Jwk) -> PublicKey | None:
    if jwk.kty == "RSA":
        key = rsa.RSAPublicNumbers(_number(jwk.e), _number(jwk.n)).public_key()
        if key.key_size < LEAST_RSA_BITS:
            raise InvalidInput(
                f"the RSA key {jwk.kid!r} has {key.key_size} bits: "
                f"expected {LEAST_RSA_BITS} at least"
            )
        return key
    if jwk.kty == "EC" and jwk.crv == "P-256":
        numbers = ec.EllipticCurvePublicNumbers(_number(jwk.x), _number(jwk.y), ec.SECP256R1())
        return numbers.public_key()
    return None


def _number(text: str) -> int:
    return int.from_bytes(_decode(text), "big")


def _decode(text: str | bytes) -> bytes:
    raw = text.encode("ascii") if isinstance(text, str) else text
    return base64.b64decode(raw + b"=" * (-len(raw) % 4), altchars=b"-_", validate=True)


def key_name(token: bytes) -> str:
    """Which key the token says it is signed with. Raises `VerificationError` if it is no token."""
    return _header(token).kid


def verify(
    token: bytes, keys: Mapping[str, PublicKey], *, issuer: str, audience: str, now: float
) -> Claims:
    """The claims of a token that holds now. Raises `VerificationError` otherwise."""
    header = _header(token)
    key = keys.get(header.kid)
    if key is None:
        raise VerificationError("the token is signed with a key that is not known")
    signed, _, signature = token.rpartition(b".")
    try:
        _check(key, header.alg, _decode(signature), signed)
        claims = msgspec.json.decode(_decode(signed.partition(b".")[2]), type=Claims)
    except InvalidSignature as error:
        raise VerificationError("the signature of the token does not hold") from error
    except ValueError as error:
        raise VerificationError(f"the token is damaged: {error}") from error
    audiences = [claims.aud] if isinstance(claims.aud, str) else claims.aud
    if claims.iss != issuer or audience not in audiences:
        raise VerificationError("the token is from another issuer or for another audience")
    if not claims.nbf - LEEWAY <= now < claims.exp + LEEWAY:
        raise VerificationError("the token has expired or is not valid yet")
    return claims


def _header(token: bytes) -> _Header:
    try:
        header = msgspec.json.decode(_decode(token.partition(b".")[0]), type=_Header)
    except ValueError as error:
        raise VerificationError(f"not a token: {error}") from error
    if token.count(b".") != 2 or header.crit is not None:
        raise VerificationError("not a token that is understood here")
    return header


def _check(key: PublicKey, algorithm: str, signature: bytes, signed: bytes) -> None:
    if isinstance(key, rsa.RSAPublicKey) and algorithm == "RS256":
        key.verify(signature, signed, PKCS1v15(), SHA256())
    elif isinstance(key, ec.EllipticCurvePublicKey) and algorithm == "ES256":
        if len(signature) != 64:
            raise InvalidSignature
        halves = (int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
        key.verify(encode_dss_signature(*halves), signed, ec.ECDSA(SHA256()))
    else:
        raise VerificationError("the algorithm of the token does not fit its key")
