"""Decrypts cosign's encrypted key file (go-securesystemslib): scrypt, then NaCl's secretbox."""

import hashlib
from base64 import b64decode
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from goldenpath.errors import InvalidInput
from goldenpath.parsers.typed import parse_typed

_LABELS = (b"ENCRYPTED SIGSTORE PRIVATE KEY", b"ENCRYPTED COSIGN PRIVATE KEY")
_MAX_SCRYPT_MEMORY = 512 * 1024 * 1024


class _Work(msgspec.Struct):
    """The cost parameters of scrypt."""

    # Bounded, since a hostile file could ask for more memory than there is.
    n: Annotated[int, Meta(gt=1, le=2**22)] = msgspec.field(name="N")
    r: Annotated[int, Meta(ge=1, le=64)]
    p: Annotated[int, Meta(ge=1, le=16)]


class _Derivation(msgspec.Struct):
    name: Literal["scrypt"]
    params: _Work
    salt: bytes
    """In base64, like all bytes of the file."""


class _Cipher(msgspec.Struct):
    name: Literal["nacl/secretbox"]
    nonce: bytes


class _KeyFile(msgspec.Struct):
    kdf: _Derivation
    cipher: _Cipher
    ciphertext: bytes


def is_cosign_key(content: bytes) -> bool:
    """Whether a PEM file is a key that cosign encrypted."""
    return any(label in content for label in _LABELS)


def open_cosign_key(pem: bytes, passphrase: bytes, what: str) -> bytes:
    """Return the PKCS #8 key of cosign's file, as DER; `what` names the file in messages.

    Raises `InvalidInput` if the file has another form or the passphrase is wrong.
    """
    from nacl.exceptions import CryptoError
    from nacl.secret import SecretBox

    lines = [line for line in pem.splitlines() if line and not line.startswith(b"-----")]
    file = parse_typed(b64decode(b"".join(lines)), _KeyFile, what)
    work = file.kdf.params
    if work.n * work.r * 128 > _MAX_SCRYPT_MEMORY:
        raise InvalidInput(
            f"{what} needs too much memory to be decrypted: "
            f"expected at most {_MAX_SCRYPT_MEMORY} bytes, got {work.n * work.r * 128}"
        )
    key = hashlib.scrypt(
        passphrase, salt=file.kdf.salt, n=work.n, r=work.r, p=work.p, dklen=32,
        maxmem=2 * _MAX_SCRYPT_MEMORY,
    )  # fmt: skip
    try:
        secret: bytes = SecretBox(key).decrypt(file.ciphertext, file.cipher.nonce)
    except (CryptoError, ValueError) as error:
        raise InvalidInput(
            f"{what} does not open with this passphrase",
            hint="set GOLDENPATH_KEY_PASSPHRASE to the passphrase that you gave to cosign",
        ) from error
    return secret
