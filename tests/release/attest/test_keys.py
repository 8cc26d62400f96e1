"""Keys of machines: files with and without passphrase, cosign's own, and commands."""

import json
import sys
from base64 import b64encode
from hashlib import scrypt
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from nacl.secret import SecretBox

from goldenpath.errors import InvalidInput, NotFound, Unavailable
from goldenpath.release.attest.keys import (
    CommandSigner,
    PemSigner,
    generate_key,
    key_from_pem,
    public_pem,
)
from goldenpath.release.attest.signatures.p256 import is_signed
from tests.release.attest.releases import new_signer

_SIGN = """
import base64, pathlib, sys
from goldenpath.release.attest.keys import PemSigner
signature = PemSigner.load(pathlib.Path(sys.argv[1])).sign(sys.stdin.buffer.read())
print(base64.b64encode(signature).decode())
"""


def test_a_generated_key_is_private_and_loads_again(tmp_path: Path) -> None:
    signer = generate_key(tmp_path / "release.pem")

    loaded = PemSigner.load(tmp_path / "release.pem")

    assert (tmp_path / "release.pem").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "release.pub").read_bytes() == public_pem(signer)
    assert is_signed(signer.public_key(), b"m", loaded.sign(b"m"))
    assert key_from_pem("release", public_pem(signer)).public_key == loaded.public_key()
    with pytest.raises(InvalidInput, match="exists already"):
        generate_key(tmp_path / "release.pem")


def test_a_passphrase_is_needed_where_there_is_one(tmp_path: Path) -> None:
    generate_key(tmp_path / "release.pem", "secret words")

    assert PemSigner.load(tmp_path / "release.pem", "secret words")
    for wrong in (None, "other words"):
        with pytest.raises(InvalidInput, match="cannot be read"):
            PemSigner.load(tmp_path / "release.pem", wrong)


def test_other_files_are_no_keys(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("no key")
    with pytest.raises(InvalidInput):
        PemSigner.load(tmp_path / "key")
    with pytest.raises(NotFound):
        PemSigner.load(tmp_path / "absent")
    with pytest.raises(InvalidInput):
        key_from_pem("release", b"no key")


def test_a_signature_counts_for_its_key_and_message_only() -> None:
    signer, other = new_signer(), new_signer()
    signature = signer.sign(b"m")

    assert is_signed(signer.public_key(), b"m", signature)
    assert not is_signed(signer.public_key(), b"n", signature)
    assert not is_signed(other.public_key(), b"m", signature)
    assert not is_signed(signer.public_key(), b"m", signature[:-1])
    assert not is_signed(b"no key", b"m", signature)


def test_a_command_signs_for_a_key_that_stays_elsewhere(tmp_path: Path) -> None:
    key = generate_key(tmp_path / "release.pem")
    command = (sys.executable, "-c", _SIGN, str(tmp_path / "release.pem"))

    signer = CommandSigner(command, key.public_key())

    assert is_signed(key.public_key(), b"m", signer.sign(b"m"))


def test_a_command_that_fails_or_lies_is_not_believed(tmp_path: Path) -> None:
    key, other = generate_key(tmp_path / "release.pem"), new_signer()
    command = (sys.executable, "-c", _SIGN, str(tmp_path / "release.pem"))

    with pytest.raises(Unavailable, match="another key"):
        CommandSigner(command, other.public_key()).sign(b"m")
    with pytest.raises(Unavailable, match="exited with 3"):
        CommandSigner((sys.executable, "-c", "exit(3)"), key.public_key()).sign(b"m")
    with pytest.raises(Unavailable, match="no base64"):
        CommandSigner((sys.executable, "-c", "print('?')"), key.public_key()).sign(b"m")
    with pytest.raises(Unavailable, match="cannot be run"):
        CommandSigner((str(tmp_path / "absent"),), key.public_key()).sign(b"m")


def test_cosigns_own_key_file_is_opened(tmp_path: Path) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "cosign.key").write_bytes(_cosign_file(private, b"words"))

    signer = PemSigner.load(tmp_path / "cosign.key", "words")

    assert signer.public_key() == PemSigner(private).public_key()
    with pytest.raises(InvalidInput, match="does not open"):
        PemSigner.load(tmp_path / "cosign.key", "other")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kdf": {"N": 2**22, "r": 64}}, "needs too much memory to be decrypted"),
        ({"kdf": {"N": 2**40}, "cipher": "x"}, "has 2 faults: cipher.name: .*kdf.params.N: "),
        ({"nonce": "AAAA"}, "does not open"),
        ({"ciphertext": ""}, "does not open"),
    ],
)
def test_a_hostile_key_file_is_refused(
    tmp_path: Path, changes: dict[str, object], said: str
) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "cosign.key").write_bytes(_cosign_file(private, b"words", **changes))

    with pytest.raises(InvalidInput, match=said):
        PemSigner.load(tmp_path / "cosign.key", "words")


def _cosign_file(
    private: ec.EllipticCurvePrivateKey, passphrase: bytes, **changes: object
) -> bytes:
    secret = private.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    salt, nonce = b"s" * 32, b"n" * 24
    key = scrypt(passphrase, salt=salt, n=1024, r=8, p=1, dklen=32)
    work = changes.get("kdf", {})
    assert isinstance(work, dict)
    document = {
        "kdf": {
            "name": "scrypt",
            "params": {"N": 1024, "r": 8, "p": 1, **work},
            "salt": b64encode(salt).decode(),
        },
        "cipher": {
            "name": changes.get("cipher", "nacl/secretbox"),
            "nonce": changes.get("nonce", b64encode(nonce).decode()),
        },
        "ciphertext": changes.get(
            "ciphertext", b64encode(SecretBox(key).encrypt(secret, nonce).ciphertext).decode()
        ),
    }
    body = b64encode(json.dumps(document).encode())
    label = b"ENCRYPTED SIGSTORE " + b"PRIVATE KEY"
    return b"-----BEGIN " + label + b"-----\n" + body + b"\n-----END " + label + b"-----\n"
