"""One key is one key, however it is spelled."""

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from goldenpath.release.attest.signatures.ssh_public_key import (
    fingerprint,
    fingerprints,
    is_same_key,
    key_identity,
    pem_identity,
    plain_fingerprint,
)
from goldenpath.release.attest.signatures.sshsig import SshKey


def _line(kind: bytes, *parts: bytes) -> str:
    blob = b"".join(len(part).to_bytes(4, "big") + part for part in (kind, *parts))
    return f"{kind.decode()} {base64.b64encode(blob).decode()}"


POINT = ec.generate_private_key(ec.SECP256R1()).public_key()
NAMED = (b"ecdsa-sha2-nistp256", b"nistp256")
WHOLE = _line(*NAMED, POINT.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))
SHORT = _line(*NAMED, POINT.public_bytes(Encoding.X962, PublicFormat.CompressedPoint))
RAW = Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
ED = _line(b"ssh-ed25519", RAW)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (WHOLE, SHORT),
        (ED, f"{ED} somebody@somewhere"),
        (f"{WHOLE} a comment", f"  {SHORT}  another  comment "),
        (ED, _line(b"sk-ssh-ed25519@openssh.com", RAW, b"ssh:")),
        (
            _line(b"sk-ssh-ed25519@openssh.com", RAW, b"ssh:"),
            _line(b"sk-ssh-ed25519@openssh.com", RAW, b"ssh:other"),
        ),
    ],
    ids=["a compressed point", "a comment", "both", "in a token", "another application"],
)
def test_two_spellings_are_one_key(one: str, other: str) -> None:
    assert is_same_key(one, other)
    assert is_same_key(other, one)


def test_a_pem_key_is_the_ssh_key_of_the_same_point() -> None:
    der = POINT.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    assert pem_identity(der) == key_identity(WHOLE) == key_identity(SHORT)


def test_other_keys_are_other_keys(tmp_path: Path) -> None:
    keys = [SshKey.generate(tmp_path / name).public_line for name in "ab"]
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    big = rsa.generate_private_key(65537, 2048).public_key()
    lines = [
        *keys,
        WHOLE,
        _line(*NAMED, other.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)),
        big.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode(),
        "ssh-ed25519 broken",
        "ssh-ed25519 damaged",
        "nothing",
    ]

    assert len({key_identity(line) for line in lines}) == len(lines)


def test_a_point_has_the_fingerprint_that_openssh_shows_for_it() -> None:
    assert fingerprint(WHOLE) in fingerprints(SHORT)
    assert fingerprints(ED) == {fingerprint(ED)}
    assert fingerprints("ssh-ed25519 broken") == frozenset()


@pytest.mark.parametrize(
    "spellings",
    [
        (WHOLE, SHORT),
        (ED, *(_line(b"sk-ssh-ed25519@openssh.com", RAW, each) for each in (b"ssh:", b"ssh:x"))),
    ],
    ids=["a point", "a token with two applications"],
)
def test_one_key_has_one_plain_fingerprint_which_each_spelling_knows(
    spellings: tuple[str, ...],
) -> None:
    (plain,) = {plain_fingerprint(each) for each in spellings}

    assert plain == fingerprint(spellings[0])
    assert all(plain in fingerprints(each) for each in spellings)
