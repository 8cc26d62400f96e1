"""Signing keys of machines: a PEM file, cosign's encrypted file, or a command for a KMS or HSM.

Each is an ECDSA P-256 key that signs with SHA-256. It is the only algorithm that every verifier of
container signatures accepts.
"""

import binascii
import hashlib
from base64 import b64decode, b64encode
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from goldenpath.errors import InvalidInput, NotFound, Unavailable
from goldenpath.files import write_new
from goldenpath.processes.tool import run_tool
from goldenpath.release.attest.cosign_key import is_cosign_key, open_cosign_key
from goldenpath.release.attest.policy import TrustedKey
from goldenpath.release.attest.signatures.p256 import is_signed, to_pem
from goldenpath.release.attest.signatures.signer import Signer

_SHA256 = ec.ECDSA(hashes.SHA256())
_MAX_SIGNATURE = 64 * 1024
"""Bytes that a signing command may print."""


@dataclass(frozen=True, slots=True)
class PemSigner:
    """A signing key from a file, in memory."""

    private: ec.EllipticCurvePrivateKey

    @classmethod
    def load(cls, path: Path, passphrase: str | None = None) -> "PemSigner":
        """Load PKCS #8 PEM, with or without passphrase, or cosign's own encrypted file.

        Raises `NotFound` if the file is absent. Raises `InvalidInput` if it is another kind of key,
        or the passphrase is missing or wrong.
        """
        return cls.of(_content(path), passphrase, str(path))

    @classmethod
    def of(cls, content: bytes, passphrase: str | None, name: str) -> "PemSigner":
        """Load the key in `content`; `name` names it in messages. Raises `InvalidInput`."""
        secret = None if passphrase is None else passphrase.encode()
        try:
            if is_cosign_key(content):
                der = open_cosign_key(content, secret or b"", f"signing key {name}")
                private = serialization.load_der_private_key(der, None)
            else:
                private = serialization.load_pem_private_key(content, secret)
        except (TypeError, ValueError, UnsupportedAlgorithm) as error:
            raise InvalidInput(
                f"signing key {name} cannot be read: {error}",
                hint=_cure(content, has_passphrase=secret is not None),
            ) from error
        return cls(_p256(private, name))

    def public_key(self) -> bytes:
        """The public key, as DER of its SubjectPublicKeyInfo."""
        return _der(self.private.public_key())

    def sign(self, message: bytes) -> bytes:
        """The DER signature over `message`."""
        return self.private.sign(message, _SHA256)


@dataclass(frozen=True, slots=True)
class CommandSigner:
    """A signing key behind an external command: a KMS, an HSM or a smart card.

    The command gets the message on standard input. In its arguments, `{digest}` is replaced by the
    SHA-256 of the message in base64. It prints the DER signature in base64 and exits with 0. For
    example:

        aws kms sign --key-id KEY --signing-algorithm ECDSA_SHA_256 --message-type DIGEST
            --message {digest} --query Signature --output text

    The signature is verified with the public key before it is used.
    """

    command: tuple[str, ...]
    public: bytes
    """DER of the SubjectPublicKeyInfo."""
    seconds: float = 60.0

    def public_key(self) -> bytes:
        """The configured public key, as DER."""
        return self.public

    def sign(self, message: bytes) -> bytes:
        """The DER signature over `message`. Raises `Unavailable` if the command fails."""
        digest = b64encode(hashlib.sha256(message).digest()).decode()
        command = [part.replace("{digest}", digest) for part in self.command]
        try:
            result = run_tool(command, stdin=message, seconds=self.seconds, limit=_MAX_SIGNATURE)
        except Unavailable as error:
            raise Unavailable(
                f"signing command {command[0]} cannot be run: {error.message}", hint=error.hint
            ) from error
        if result.exit_code != 0:
            raise Unavailable(
                f"signing command {command[0]} exited with {result.exit_code}: {result.complaint}"
            )
        try:
            signature = b64decode(result.output.strip(), validate=True)
        except (binascii.Error, ValueError) as error:
            raise Unavailable(f"signing command {command[0]} printed no base64") from error
        if not is_signed(self.public, message, signature):
            raise Unavailable(f"signing command {command[0]} signed with another key than expected")
        return signature


def generate_key(path: Path, passphrase: str | None = None) -> PemSigner:
    """Create a key: PKCS #8 PEM at `path` (mode 0600), and its public PEM with suffix `.pub`."""
    private = ec.generate_private_key(ec.SECP256R1())
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase is not None:
        encryption = serialization.BestAvailableEncryption(passphrase.encode())
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    )
    signer = PemSigner(private)
    write_new(path, pem, 0o600)
    write_new(path.with_suffix(".pub"), public_pem(signer), 0o644)
    return signer


def public_pem(signer: Signer) -> bytes:
    """Return the public key as PEM, as cosign, openssl and policies read it."""
    return to_pem(signer.public_key()).encode()


def key_from_pem(name: str, pem: bytes) -> TrustedKey:
    """Return a trusted key without time limits. Raises `InvalidInput` if it is not P-256."""
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InvalidInput(f"public key {name} is not PEM: {error}") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        raise InvalidInput(f"public key {name} is not an ECDSA key on P-256")
    return TrustedKey(name, _der(key))


def keys_from_pem(name: str, pem: bytes) -> tuple[bytes, ...]:
    """Return all public keys of a PEM file, as DER. Raises `InvalidInput` if there is none."""
    end = b"-----END PUBLIC KEY-----"
    blocks = [each + end for each in pem.split(end)[:-1]]
    if not blocks:
        raise InvalidInput(f"{name} holds no public key: expected PEM")
    return tuple(key_from_pem(name, each.lstrip()).public_key for each in blocks)


def _p256(private: object, name: str) -> ec.EllipticCurvePrivateKey:
    if not isinstance(private, ec.EllipticCurvePrivateKey) or private.curve.name != "secp256r1":
        raise InvalidInput(f"signing key {name} is not an ECDSA key on P-256")
    return private


def _der(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _cure(content: bytes, *, has_passphrase: bool) -> str:
    if b"ENCRYPTED" in content:
        return "set GOLDENPATH_KEY_PASSPHRASE to the passphrase of this key"
    if has_passphrase and b"PRIVATE KEY" in content:
        return "unset GOLDENPATH_KEY_PASSPHRASE if this key has no passphrase"
    return "name a file with a private key: PEM of PKCS #8, or the key file that cosign makes"


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(64 * 1024)
    except FileNotFoundError as error:
        raise NotFound(f"signing key {path} does not exist") from error
    except OSError as error:
        raise InvalidInput(f"signing key {path} cannot be read: {error.strerror}") from error
