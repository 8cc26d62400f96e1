"""Tokens, keys and certificates for the tests, made on the spot."""

import base64
import ipaddress
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

ISSUER, AUDIENCE = "https://login.test", "goldenpath"


def encode(raw: bytes) -> str:
    """Base64 as in a JWT."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def nest(levels: int) -> list[object]:
    """Lists in lists."""
    value: list[object] = []
    for _ in range(levels):
        value = [value]
    return value


def _number(value: int) -> str:
    return encode(value.to_bytes((value.bit_length() + 7) // 8, "big"))


class Provider:
    """An OpenID provider with one key of each kind."""

    def __init__(self) -> None:
        self._rsa = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._ec = ec.generate_private_key(ec.SECP256R1())

    def jwks(self) -> bytes:
        """Its public keys."""
        one, two = self._rsa.public_key().public_numbers(), self._ec.public_key().public_numbers()
        keys: list[dict[str, str]] = [
            {"kty": "RSA", "kid": "r", "use": "sig", "n": _number(one.n), "e": _number(one.e)},
            {"kty": "EC", "kid": "e", "crv": "P-256", "x": _point(two.x), "y": _point(two.y)},
            {"kty": "OKP", "kid": "o", "crv": "Ed25519", "x": "AA"},
        ]
        return json.dumps({"keys": keys}).encode()

    def token(self, kid: str = "r", *, header: object = None, **changes: object) -> bytes:
        """A token for two hours from 2026 on, unless told otherwise."""
        claims = {
            "iss": ISSUER,
            "aud": ["other", AUDIENCE],
            "sub": "scoring-batch",
            "exp": 7200,
            "scope": "openid infer",
        } | changes
        head = header or {"alg": "RS256" if kid == "r" else "ES256", "kid": kid}
        signed = ".".join(encode(json.dumps(part).encode()) for part in (head, claims)).encode()
        if kid == "r":
            signature = self._rsa.sign(signed, PKCS1v15(), SHA256())
        else:
            halves = decode_dss_signature(self._ec.sign(signed, ec.ECDSA(SHA256())))
            signature = b"".join(half.to_bytes(32, "big") for half in halves)
        return signed + b"." + encode(signature).encode()


def _point(value: int) -> str:
    return encode(value.to_bytes(32, "big"))


def access_file(folder: Path, provider: Provider | None = None, **tokens: list[str]) -> Path:
    """Rules with a static token per name, the token being its name."""
    static = [
        {"name": name, "sha256": sha256(name.encode()).hexdigest(), "scopes": scopes}
        for name, scopes in tokens.items()
    ]
    rules: dict[str, object] = {"version": 1, "tokens": static}
    if provider is not None:
        (folder / "jwks.json").write_bytes(provider.jwks())
        rules["issuers"] = [{"issuer": ISSUER, "audience": AUDIENCE, "jwks": "jwks.json"}]
    path = folder / "access.json"
    path.write_text(json.dumps(rules))
    return path


@dataclass(frozen=True, slots=True)
class Certificate:
    """Files of a certificate and its key."""

    certificate: Path
    key: Path


class Authority:
    """Issues certificates for 127.0.0.1."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "the company's own")])
        self.path = folder / "authority.pem"
        certificate = self._certificate(self._name, self._key.public_key(), is_authority=True)
        self.path.write_bytes(certificate.public_bytes(Encoding.PEM))

    def issue(self, name: str, to: str = "", *, uri: str = "") -> Certificate:
        """A certificate with this common name, in files named `to`; with `uri` for that instead."""
        key = ec.generate_private_key(ec.SECP256R1())
        kind = NameOID.ORGANIZATION_NAME if uri else NameOID.COMMON_NAME
        subject = x509.Name([x509.NameAttribute(kind, name)])
        certificate = self._certificate(subject, key.public_key(), is_authority=False, uri=uri)
        files = Certificate(self._folder / f"{to or name}.pem", self._folder / f"{to or name}.key")
        files.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
        files.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return files

    def _certificate(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePublicKey,
        *,
        is_authority: bool,
        uri: str = "",
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        local = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        here = x509.SubjectAlternativeName(
            [x509.UniformResourceIdentifier(uri), local] if uri else [local]
        )
        builder = x509.CertificateBuilder(
            issuer_name=self._name,
            subject_name=subject,
            public_key=key,
            serial_number=x509.random_serial_number(),
            not_valid_before=now - timedelta(hours=1),
            not_valid_after=now + timedelta(hours=1),
        )
        builder = builder.add_extension(here, critical=False).add_extension(
            x509.BasicConstraints(ca=is_authority, path_length=None), critical=True
        )
        return builder.sign(self._key, SHA256())
