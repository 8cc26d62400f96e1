"""Callers with tokens that somebody else issued, for another use or another time.

The rules are those of one access file. Switching a control off means another file: one that lists
the attacker's token, issuer or key.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)

from goldenpath.attacks.callers.caller_scene import CallerAttack, CallerScene
from goldenpath.http.access import Access, AccessFile, Denied, Issuer, Scope, StaticToken
from goldenpath.http.jwks import KeySet

OF_TOKENS = ("known tokens", "scopes", "issuer", "audience", "signing keys", "time of the token")
_ISSUER, _AUDIENCE = "https://login.example", "goldenpath"
_MONITOR, _READER = b"the token of the metrics", b"the token of a reader"
_NOW = 1_800_000_000.0
_HOUR = 3600.0


@cache
def _provider() -> EllipticCurvePrivateKey:
    return generate_private_key(SECP256R1())


@cache
def _stranger() -> EllipticCurvePrivateKey:
    return generate_private_key(SECP256R1())


def _jwk(key: EllipticCurvePrivateKey, name: str) -> dict[str, str]:
    from jwt.algorithms import ECAlgorithm

    public: dict[str, str] = json.loads(ECAlgorithm.to_jwk(key.public_key()))
    return public | {"kid": name}


def _token(key: EllipticCurvePrivateKey, name: str = "provider", **claims: object) -> bytes:
    import jwt

    usual = {"iss": _ISSUER, "aud": _AUDIENCE, "sub": "root", "exp": _NOW + _HOUR}
    made = {**usual, "scope": "infer", **claims}
    return jwt.encode(made, key, algorithm="ES256", headers={"kid": name}).encode()


@dataclass(frozen=True, slots=True)
class _Guess:
    """What the attacker shows, and what the rules would have to say for it to count."""

    token: bytes
    issuer: str = _ISSUER
    audience: str = _AUDIENCE
    key: Mapping[str, str] = field(default_factory=dict)
    now: float = _NOW


def _shows(guess: Callable[[], _Guess]) -> Callable[[CallerScene], bool]:
    """Return an attempt to ask for a prediction with a token."""

    def attempt(scene: CallerScene) -> bool:
        made = guess()
        now = made.now if "time of the token" in scene.without else _NOW
        answer = _access(made, scene.without).admit(b"Bearer " + made.token, "infer", now)
        if isinstance(answer, Denied):
            scene.refusals.append(f"{answer.status} {answer.message}")
        return not isinstance(answer, Denied)

    return attempt


def _access(guess: _Guess, without: frozenset[str]) -> Access:
    """Return the rules of the access file. A control that is off says what the attacker needs."""
    every: frozenset[Scope] = frozenset({"infer", "read", "metrics"})
    is_wide = "scopes" in without
    tokens = [
        _static(_MONITOR, every if is_wide else frozenset({"metrics"})),
        _static(_READER, every if is_wide else frozenset({"read"})),
    ]
    is_listed = guess.token in (_MONITOR, _READER) or guess.token.count(b".") == 2
    if "known tokens" in without and not is_listed:
        tokens.append(_static(guess.token, every))
    issuer = Issuer(
        guess.issuer if "issuer" in without else _ISSUER,
        guess.audience if "audience" in without else _AUDIENCE,
        "keys.json",
    )
    keys = [_jwk(_provider(), "provider")]
    if "signing keys" in without and guess.key:
        keys = [key for key in keys if key["kid"] != guess.key["kid"]] + [dict(guess.key)]
    source = KeySet.of(json.dumps({"keys": keys}).encode())
    return Access(AccessFile(1, tokens, [issuer]), {"keys.json": source})


def _static(token: bytes, scopes: frozenset[Scope]) -> StaticToken:
    return StaticToken(token.decode(), sha256(token).hexdigest(), scopes)


def _as_stranger(name: str) -> Callable[[], _Guess]:
    return lambda: _Guess(_token(_stranger(), name), key=_jwk(_stranger(), name))


ATTACKS = (
    CallerAttack("a token is invented", "known tokens", _shows(lambda: _Guess(b"invented"))),
    CallerAttack("the stored hash of a token is shown", "known tokens", _shows(
        lambda: _Guess(sha256(_MONITOR).hexdigest().encode()))),
    CallerAttack("a token has one byte more", "known tokens", _shows(
        lambda: _Guess(_MONITOR + b"x"))),
    CallerAttack("a token of the metrics asks for predictions", "scopes", _shows(
        lambda: _Guess(_MONITOR))),
    CallerAttack("a token of a reader asks for predictions", "scopes", _shows(
        lambda: _Guess(_READER))),
    CallerAttack("a token is of another issuer", "issuer", _shows(lambda: _Guess(
        _token(_provider(), iss="https://evil.example"), issuer="https://evil.example"))),
    CallerAttack("a token's issuer has a slash more", "issuer", _shows(lambda: _Guess(
        _token(_provider(), iss=_ISSUER + "/"), issuer=_ISSUER + "/"))),
    CallerAttack("a token is for another service", "audience", _shows(lambda: _Guess(
        _token(_provider(), aud="shop"), audience="shop"))),
    CallerAttack("a token is for two other services", "audience", _shows(lambda: _Guess(
        _token(_provider(), aud=["shop", "mail"]), audience="mail"))),
    CallerAttack("a stranger signs a token in the provider's name", "signing keys", _shows(
        _as_stranger("provider"))),
    CallerAttack("a stranger signs a token in its own name", "signing keys", _shows(
        _as_stranger("stranger"))),
    CallerAttack("a token has expired", "time of the token", _shows(lambda: _Guess(
        _token(_provider(), exp=_NOW - _HOUR), now=_NOW - 2 * _HOUR))),
    CallerAttack("a token is not valid yet", "time of the token", _shows(lambda: _Guess(
        _token(_provider(), nbf=_NOW + _HOUR, exp=_NOW + 3 * _HOUR), now=_NOW + 2 * _HOUR))),
)  # fmt: skip
