"""Callers with tokens that somebody else issued, for another use or another time.

The rules are those of one access file. Switching a control off means another file: one that lists
the attacker's token, issuer or key. The algorithm is no value. Without that control a token is
first read as a server does that lets the token choose. What such a server believes is signed anew.
"""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from goldenpath.attacks.callers.caller_scene import CallerAttack, CallerScene
from goldenpath.http.access import (
    Access,
    AccessFile,
    AskedModel,
    Denied,
    Issuer,
    Scope,
    StaticToken,
)
from goldenpath.http.jwks import KeySet

OF_TOKENS = (
    "known tokens", "scopes", "models of a token", "issuer", "audience", "signing keys",
    "algorithm of the key", "time of the token",
)  # fmt: skip
_ISSUER, _AUDIENCE = "https://login.example", "goldenpath"
_MONITOR, _READER = b"the token of the metrics", b"the token of a reader"
_LIMITED = b"the token of one model"
_MODEL, _FRAUD = AskedModel("prod", "credit-default"), AskedModel("prod", "fraud")
_OTHERS = ("credit-*",)
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
    asked: AskedModel | None = _MODEL
    """The model that is asked; None for a page about all of them."""


def _shows(guess: Callable[[], _Guess]) -> Callable[[CallerScene], bool]:
    """Return an attempt to ask for a prediction with a token."""

    def attempt(scene: CallerScene) -> bool:
        made = _believed(guess()) if "algorithm of the key" in scene.without else guess()
        now = made.now if "time of the token" in scene.without else _NOW
        rules = _access(made, scene.without)
        answer = rules.admit(b"Bearer " + made.token, "infer", now, made.asked)
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
        _static(_LIMITED, every, None if "models of a token" in without else _OTHERS),
    ]
    is_static = guess.token in (_MONITOR, _READER, _LIMITED)
    is_listed = is_static or guess.token.count(b".") == 2
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


def _static(
    token: bytes, scopes: frozenset[Scope], models: tuple[str, ...] | None = None
) -> StaticToken:
    return StaticToken(token.decode(), sha256(token).hexdigest(), scopes, models)


def _believed(guess: _Guess) -> _Guess:
    """Return the token signed anew, if a server believes it that lets the token choose."""
    parts = guess.token.split(b".")
    if len(parts) != 3:
        return guess
    algorithm = str(json.loads(_unpacked(parts[0])).get("alg"))
    signature = _unpacked(parts[2])
    if algorithm.lower() == "none":
        is_signed = not signature
    elif algorithm in _MACS:
        macs = [
            hmac.digest(key, parts[0] + b"." + parts[1], _MACS[algorithm])
            for key in _public_texts()
        ]
        is_signed = signature in macs
    else:
        return guess
    claims = json.loads(_unpacked(parts[1]))
    return replace(guess, token=_token(_provider(), **claims)) if is_signed else guess


_MACS = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}


def _public_texts() -> tuple[bytes, ...]:
    """Return the public key of the provider in the forms that a confused server may use."""
    pem = _provider().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem, pem.strip(), json.dumps(_jwk(_provider(), "provider")).encode()


def _forged(algorithm: str, key: bytes = b"", **header: object) -> bytes:
    """Return a token that names its algorithm; `key` makes its code, if there is one."""
    claims = {"iss": _ISSUER, "aud": _AUDIENCE, "sub": "root", "exp": _NOW + _HOUR}
    head = {"alg": algorithm, "kid": "provider", **header}
    signed = b".".join(
        _packed(json.dumps(each).encode()) for each in (head, {**claims, "scope": "infer"})
    )
    code = hmac.digest(key, signed, _MACS[algorithm]) if key else b""
    return signed + b"." + _packed(code)


def _packed(content: bytes) -> bytes:
    return urlsafe_b64encode(content).rstrip(b"=")


def _unpacked(text: bytes) -> bytes:
    return urlsafe_b64decode(text + b"=" * (-len(text) % 4))


def _with_own_key(**header: object) -> Callable[[], _Guess]:
    """Return a token of a stranger that brings or names the key to check it with."""
    import jwt

    def guess() -> _Guess:
        claims = {"iss": _ISSUER, "aud": _AUDIENCE, "sub": "root", "exp": _NOW + _HOUR}
        own = {"kid": "provider", "jwk": _jwk(_stranger(), "provider"), **header}
        token = jwt.encode({**claims, "scope": "infer"}, _stranger(), "ES256", headers=own)
        return _Guess(token.encode(), key=_jwk(_stranger(), "provider"))

    return guess


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
    CallerAttack("a token brings the key that it was signed with", "signing keys", _shows(
        lambda: _with_own_key()())),
    CallerAttack("a token names the address of its key", "signing keys", _shows(
        lambda: _with_own_key(jku="https://evil.example/keys")())),
    CallerAttack("a token says that it needs no signature", "algorithm of the key", _shows(
        lambda: _Guess(_forged("none")))),
    CallerAttack("a token says so in other letters", "algorithm of the key", _shows(
        lambda: _Guess(_forged("nOnE")))),
    CallerAttack("a token is signed with the public key as a password", "algorithm of the key",
        _shows(lambda: _Guess(_forged("HS256", _public_texts()[0])))),
    CallerAttack("a token is signed with the trimmed public key", "algorithm of the key",
        _shows(lambda: _Guess(_forged("HS384", _public_texts()[1])))),
    CallerAttack("a token is signed with the public key as JSON", "algorithm of the key",
        _shows(lambda: _Guess(_forged("HS512", _public_texts()[2])))),
    CallerAttack("a token of other models asks for this one", "models of a token", _shows(
        lambda: _Guess(_LIMITED, asked=_FRAUD))),
    CallerAttack("a token of some models asks about all of them", "models of a token", _shows(
        lambda: _Guess(_LIMITED, asked=None))),
    CallerAttack("a token has expired", "time of the token", _shows(lambda: _Guess(
        _token(_provider(), exp=_NOW - _HOUR), now=_NOW - 2 * _HOUR))),
    CallerAttack("a token is not valid yet", "time of the token", _shows(lambda: _Guess(
        _token(_provider(), nbf=_NOW + _HOUR, exp=_NOW + 3 * _HOUR), now=_NOW + 2 * _HOUR))),
)  # fmt: skip
