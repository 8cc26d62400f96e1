"""Bearer tokens of an OpenID provider: a signed set of claims, checked against its public keys.

PyJWT reads keys and checks signatures. This module decides what is
allowed: RS256 and ES256 only. The key names the algorithm, so a token cannot choose it. Of a JWK
only the numbers of a public key are used. PyJWT is imported with the first set of keys, because
its import takes longer than the start of a server without a provider.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from goldenpath.canonical import check_bounds
from goldenpath.errors import InvalidInput, VerificationError
from goldenpath.parsers.typed import parse_typed

if TYPE_CHECKING:
    from jwt import PyJWK

MOST_KEYS = 64
LEAST_RSA_BITS = 2048
LEEWAY = 30.0
"""Seconds by which clocks may differ."""


class Claims(msgspec.Struct, frozen=True):
    """The claims of a token that are used here. Times are in seconds since 1970."""

    iss: str
    sub: str
    exp: float
    aud: str | list[str] = ""
    nbf: float = 0.0
    scope: str = ""
    scp: list[str] = []
    models: str | list[str] | None = None
    """The models that the caller may ask; absent or null means all."""

    @property
    def named_models(self) -> tuple[str, ...] | None:
        """The models as patterns; None means all. A text has blanks between them, like `scope`."""
        if self.models is None:
            return None
        return tuple(self.models.split() if isinstance(self.models, str) else self.models)


class JobClaims(msgspec.Struct, frozen=True):
    """The claims of the token of a CI job; each forge has its own names for two of them."""

    iss: str
    sub: str
    repository: str = ""
    project_path: str = ""
    job_workflow_ref: str = ""
    workflow_ref: str = ""
    ci_config_ref_uri: str = ""

    @property
    def project(self) -> str:
        """The repository whose job it is, as the forge names it; empty if it names none."""
        return self.repository or self.project_path

    @property
    def workflow(self) -> str:
        """The file that says what the job does, with its branch or tag; empty if it names none."""
        return self.job_workflow_ref or self.workflow_ref or self.ci_config_ref_uri


class _Jwk(msgspec.Struct, frozen=True, omit_defaults=True):
    kty: str
    kid: str = ""
    use: str = "sig"
    crv: str = ""
    n: str = ""
    e: str = ""
    x: str = ""
    y: str = ""

    @property
    def algorithm(self) -> str:
        """Return the one algorithm that the key may be used for; empty if there is none."""
        if self.use != "sig":
            return ""
        return {("RSA", ""): "RS256", ("EC", "P-256"): "ES256"}.get((self.kty, self.crv), "")


class _Jwks(msgspec.Struct, frozen=True):
    keys: list[_Jwk]


def parse_jwks(content: bytes) -> Mapping[str, "PyJWK"]:
    """Return the signing keys of a JWK Set by name, without keys of unknown kinds.

    Raises `InvalidInput` if it is not a JWK Set or contains a key that is too weak.
    """
    listed = parse_typed(content, _Jwks, "the JWK Set").keys
    if len(listed) > MOST_KEYS:
        raise InvalidInput(f"the JWK Set has {len(listed)} keys: expected at most {MOST_KEYS}")
    return {jwk.kid: _key(jwk) for jwk in listed if jwk.algorithm}


def _key(jwk: _Jwk) -> "PyJWK":
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from jwt import PyJWK, PyJWTError

    try:
        key = PyJWK(msgspec.to_builtins(jwk), jwk.algorithm)
    except PyJWTError as error:
        raise InvalidInput(f"the key {jwk.kid!r} of the JWK Set is damaged: {error}") from error
    if isinstance(key.key, RSAPublicKey) and key.key.key_size < LEAST_RSA_BITS:
        raise InvalidInput(
            f"the RSA key {jwk.kid!r} has {key.key.key_size} bits: "
            f"expected {LEAST_RSA_BITS} at least"
        )
    return key


def key_name(token: bytes) -> str:
    """Return the key name in the token's header. Raises `VerificationError` if it is no token."""
    from jwt import PyJWTError, get_unverified_header

    try:
        header = get_unverified_header(token)
    except (PyJWTError, RecursionError) as error:
        raise VerificationError(f"not a token: {error}") from error
    if token.count(b".") != 2 or "crit" in header:
        raise VerificationError("not a token that is understood here")
    name: str = header.get("kid", "")
    return name


def verify(
    token: bytes, keys: Mapping[str, "PyJWK"], *, issuer: str, audience: str, now: float
) -> Claims:
    """Return the claims of a token that is valid now. Raises `VerificationError` otherwise.

    The time limits are compared here with the given time, because PyJWT reads the clock itself.
    """
    return _verified(token, keys, issuer=issuer, audience=audience, now=now)[0]


def verify_job(
    token: bytes, keys: Mapping[str, "PyJWK"], *, issuer: str, audience: str, now: float
) -> JobClaims:
    """Return the claims of a CI job's token that is valid now. Raises `VerificationError`."""
    payload = _verified(token, keys, issuer=issuer, audience=audience, now=now)[1]
    try:
        return msgspec.json.decode(payload, type=JobClaims)
    except msgspec.DecodeError as error:
        raise VerificationError(f"the token is no token of a CI job: {error}") from error


def _verified(
    token: bytes, keys: Mapping[str, "PyJWK"], *, issuer: str, audience: str, now: float
) -> tuple[Claims, bytes]:
    """Return the claims of a token that is valid now, and the text that holds them."""
    from jwt import InvalidSignatureError, PyJWTError
    from jwt.api_jws import PyJWS

    key = keys.get(key_name(token))
    if key is None:
        raise VerificationError("the token is signed with a key that is not known")
    allowed = [key.algorithm_name]
    try:
        payload: bytes = PyJWS(allowed).decode_complete(token, key, allowed)["payload"]
        check_bounds(payload, "the token")
        claims = msgspec.json.decode(payload, type=Claims)
    except InvalidSignatureError as error:
        raise VerificationError("the signature of the token does not hold") from error
    except (PyJWTError, InvalidInput, ValueError) as error:
        raise VerificationError(f"the token is damaged: {error}") from error
    audiences = [claims.aud] if isinstance(claims.aud, str) else claims.aud
    if claims.iss != issuer or audience not in audiences:
        raise VerificationError("the token is from another issuer or for another audience")
    if not claims.nbf - LEEWAY <= now < claims.exp + LEEWAY:
        raise VerificationError("the token has expired or is not valid yet")
    return claims, payload
