"""Makes and verifies SSH signatures of people (OpenSSH, PROTOCOL.sshsig) without ssh-keygen.

`ssh-keygen -Y verify` can verify these signatures, and this module can verify those of ssh-keygen.
If only an agent or a hardware token holds the key, `ssh-keygen -Y sign` signs. Git commits use the
same format in the namespace `git`.
"""

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from goldenpath.errors import InvalidInput, NotFound, Unavailable, VerificationError
from goldenpath.files import write_new
from goldenpath.processes.tool import run_tool
from goldenpath.release.attest.signatures.ssh_public_key import (
    ED25519,
    TOKEN,
    PublicSshKey,
    WireReader,
    decode_base64,
    is_same_key,
    parse_public_key,
    public_line,
)

STATEMENT_NAMESPACE = "goldenpath"
"""Namespace of signed statements; commits have the namespace `git`."""

GIT_NAMESPACE = "git"

MAX_SIGNATURE = 16 * 1024
"""Characters of the longest armoured signature that is read."""

_MAGIC = b"SSHSIG"
_BEGIN, _END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"
_SIGNING_SECONDS = 120.0
"""A person may have to type a passphrase or touch a token."""


@dataclass(frozen=True, slots=True)
class SshKey:
    """A person's key: its private part is in memory, or only `ssh-keygen` can use it."""

    public_line: str
    """Type and base64 of the public key, without comment."""
    path: Path
    private: Ed25519PrivateKey | None = None
    """None if `ssh-keygen` signs."""

    @classmethod
    def load(cls, path: Path, passphrase: str | None = None) -> "SshKey":
        """Load a private key, or a public key (`.pub`) whose private part is in an agent.

        If the key is encrypted and no passphrase is given, `ssh-keygen` signs: it asks the agent,
        then the terminal. Raises `NotFound` if the file is absent, `InvalidInput` if it is no key.
        """
        content = _content(path)
        if content.startswith((b"ssh-", b"ecdsa-", b"sk-")):
            return cls(public_line(content.decode("utf-8", "replace")), path)
        secret = None if passphrase is None else passphrase.encode()
        try:
            private = serialization.load_ssh_private_key(content, secret)
        except TypeError:
            return cls(_beside(path), path)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise InvalidInput(
                f"{path} cannot be read as a private SSH key: {error}",
                hint="add the key to ssh-agent and name its .pub file instead"
                if b"PRIVATE KEY" in content
                else "name the file of a private SSH key; ssh-keygen -t ed25519 makes one",
            ) from error
        if not isinstance(private, Ed25519PrivateKey):
            return cls(_line(private.public_key()), path)
        return cls(_line(private.public_key()), path, private)

    @classmethod
    def of(cls, private: Ed25519PrivateKey, path: Path = Path("memory")) -> "SshKey":
        """Return a key that is in memory already."""
        return cls(_line(private.public_key()), path, private)

    @classmethod
    def generate(cls, path: Path) -> "SshKey":
        """Create an Ed25519 key without passphrase at `path` (mode 0600) and `path`.pub."""
        private = Ed25519PrivateKey.generate()
        key = cls.of(private, path)
        content = private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.OpenSSH,
            serialization.NoEncryption(),
        )
        write_new(path, content, 0o600)
        write_new(path.with_name(path.name + ".pub"), f"{key.public_line}\n".encode(), 0o644)
        return key

    def sign(self, message: bytes, namespace: str) -> str:
        """Return the armoured signature of `message`, valid only in `namespace`.

        Raises `Unavailable` if the key cannot sign now.
        """
        if self.private is None:
            return self._sign_by_program(message, namespace)
        signed = _signed_data(namespace.encode(), b"", b"sha512", message)
        signature = _string(ED25519) + _string(self.private.sign(signed))
        return _armour(
            _MAGIC
            + (1).to_bytes(4, "big")
            + _string(base64.b64decode(self.public_line.split()[1]))
            + _string(namespace.encode())
            + _string(b"")
            + _string(b"sha512")
            + _string(signature)
        )

    def plain_signature(self, message: bytes) -> tuple[bytes, bytes]:
        """Return the raw public key and the plain Ed25519 signature, as signed notes have them.

        Nothing that is signed so may begin with `SSHSIG`. Raises `Unavailable` if only
        `ssh-keygen` can use the key.
        """
        if self.private is None:
            raise Unavailable(f"only ssh-keygen can sign with {self.path}, and it signs no notes")
        if message.startswith(_MAGIC):
            raise InvalidInput("a note must not begin like an SSH signature")
        public = self.private.public_key().public_bytes_raw()
        return public, self.private.sign(message)

    def _sign_by_program(self, message: bytes, namespace: str) -> str:
        command = ["ssh-keygen", "-Y", "sign", "-f", str(self.path), "-n", namespace]
        try:
            result = run_tool(command, stdin=message, seconds=_SIGNING_SECONDS)
        except Unavailable as error:
            raise Unavailable(
                f"ssh-keygen could not sign with {self.path}: {error.message}", hint=error.hint
            ) from error
        if result.exit_code != 0:
            raise Unavailable(
                f"ssh-keygen could not sign with {self.path}: {result.complaint}",
                hint="add the key with ssh-add, or name another one with --key",
            )
        armoured = result.output.decode("ascii", "replace")
        if not is_same_key(verify(armoured, message, namespace), self.public_line):
            raise Unavailable(f"ssh-keygen signed with another key than {self.path}")
        return armoured


def verify(armored: str, message: bytes, namespace: str) -> str:
    """Verify a signature of `message`, and return the public key line of the signer.

    The caller decides whether to trust that key. Raises `VerificationError` if the signature is
    malformed, wrong or of another namespace.
    """
    read = WireReader(_unarmour(armored))
    if read.take(6) != _MAGIC or read.number() != 1:
        raise VerificationError("SSH signature has another format than SSHSIG version 1")
    blob, signed_namespace, reserved, algorithm, signature = (read.string() for _ in range(5))
    read.end()
    if signed_namespace != namespace.encode():
        raise VerificationError(
            "SSH signature has the wrong namespace: "
            f"expected {namespace}, got {signed_namespace[:80]!r}"
        )
    if algorithm not in (b"sha256", b"sha512"):
        raise VerificationError(f"SSH signature uses the hash {algorithm[:20]!r}")
    signed = _signed_data(signed_namespace, reserved, algorithm, message)
    kind, key, application = parse_public_key(blob)
    try:
        _check(kind, key, application, signature, signed=signed)
    except InvalidSignature as error:
        raise VerificationError("SSH signature does not match the signed message") from error
    return f"{kind.decode()} {base64.b64encode(blob).decode()}"


def _check(
    kind: bytes, key: PublicSshKey, application: bytes, signature: bytes, *, signed: bytes
) -> None:
    read = WireReader(signature)
    algorithm, value = read.string(), read.string()
    if isinstance(key, rsa.RSAPublicKey):
        # The signature algorithm `ssh-rsa` uses SHA-1, so it is refused.
        digest = {b"rsa-sha2-256": hashes.SHA256(), b"rsa-sha2-512": hashes.SHA512()}.get(algorithm)
        if digest is None:
            raise VerificationError(f"SSH signature uses the algorithm {algorithm[:40]!r}")
        read.end()
        key.verify(value, signed, padding.PKCS1v15(), digest)
        return
    if algorithm != kind:
        raise VerificationError(f"SSH signature is {algorithm[:40]!r} but its key is {kind!r}")
    if isinstance(key, ec.EllipticCurvePublicKey):
        read.end()
        numbers = WireReader(value)
        der = encode_dss_signature(numbers.integer(), numbers.integer())
        numbers.end()
        key.verify(der, signed, ec.ECDSA(hashes.SHA256()))
        return
    if kind == TOKEN:
        signed = _touched(read, application, signed)
    read.end()
    key.verify(value, signed)


def _touched(read: WireReader, application: bytes, signed: bytes) -> bytes:
    """Return the bytes that a hardware token signs; it has to be touched (PROTOCOL.u2f)."""
    flags, counter = read.take(1), read.take(4)
    if not flags[0] & 1:
        raise VerificationError("SSH signature was made without a touch of the token")
    return hashlib.sha256(application).digest() + flags + counter + hashlib.sha256(signed).digest()


def _signed_data(namespace: bytes, reserved: bytes, algorithm: bytes, message: bytes) -> bytes:
    hashed = hashlib.new(algorithm.decode(), message).digest()
    fields = (namespace, reserved, algorithm, hashed)
    return _MAGIC + b"".join(_string(field) for field in fields)


def _string(content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + content


def _armour(blob: bytes) -> str:
    text = base64.b64encode(blob).decode()
    lines = [text[at : at + 70] for at in range(0, len(text), 70)]
    return "\n".join([_BEGIN, *lines, _END, ""])


def _unarmour(armored: str) -> bytes:
    if len(armored) > MAX_SIGNATURE:
        raise VerificationError(f"SSH signature is longer than {MAX_SIGNATURE} characters")
    lines = armored.strip().splitlines()
    if len(lines) < 3 or lines[0] != _BEGIN or lines[-1] != _END:
        raise VerificationError("SSH signature has no BEGIN and END line")
    return decode_base64("".join(lines[1:-1]))


def _line(key: object) -> str:
    if not isinstance(key, PublicSshKey):
        raise InvalidInput("SSH key is of a type that cannot sign here: use Ed25519")
    content = key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return public_line(content.decode())


def _beside(path: Path) -> str:
    try:
        return public_line(_content(path.with_name(path.name + ".pub")).decode("utf-8", "replace"))
    except NotFound as error:
        raise InvalidInput(
            f"{path} is encrypted and has no public key beside it",
            hint=f"write it with: ssh-keygen -y -f {path} > {path}.pub",
        ) from error


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(64 * 1024)
    except FileNotFoundError as error:
        raise NotFound(
            f"SSH key {path} does not exist", hint="make one with: ssh-keygen -t ed25519"
        ) from error
    except OSError as error:
        raise InvalidInput(f"SSH key {path} cannot be read: {error.strerror}") from error
