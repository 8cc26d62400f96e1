"""SSH signatures: round trips, cross-checks with OpenSSH, and ways to cheat."""

import base64
import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from goldenpath.errors import InvalidInput, NotFound, Unavailable, VerificationError
from goldenpath.release.attest.signatures.ssh_public_key import fingerprint, public_line
from goldenpath.release.attest.signatures.sshsig import SshKey, verify

needs_openssh = pytest.mark.skipif(
    shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed: NOT cross-checked"
)


@pytest.fixture
def key(tmp_path: Path) -> SshKey:
    return SshKey.generate(tmp_path / "id")


def _keygen(*arguments: str, message: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        ["ssh-keygen", *arguments], input=message, capture_output=True, check=False
    )


def test_a_signature_names_its_signer(key: SshKey) -> None:
    assert verify(key.sign(b"message", "goldenpath"), b"message", "goldenpath") == key.public_line


def test_a_generated_key_is_private_and_never_overwritten(tmp_path: Path) -> None:
    SshKey.generate(tmp_path / "id")

    assert (tmp_path / "id").stat().st_mode & 0o777 == 0o600
    with pytest.raises(InvalidInput, match="exists already"):
        SshKey.generate(tmp_path / "id")


def test_a_key_is_loaded_again(key: SshKey, tmp_path: Path) -> None:
    assert SshKey.load(tmp_path / "id").public_line == key.public_line
    assert SshKey.load(tmp_path / "id.pub").public_line == key.public_line


def test_an_absent_key_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="does not exist"):
        SshKey.load(tmp_path / "absent")


def test_another_message_or_namespace_is_refused(key: SshKey) -> None:
    armored = key.sign(b"message", "goldenpath")

    with pytest.raises(VerificationError, match="does not match"):
        verify(armored, b"massage", "goldenpath")
    with pytest.raises(VerificationError, match="wrong namespace"):
        verify(armored, b"message", "git")


def test_every_flipped_bit_is_refused(key: SshKey) -> None:
    blob = base64.b64decode("".join(key.sign(b"m", "git").splitlines()[1:-1]))

    for at in range(len(blob)):
        changed = bytes([*blob[:at], blob[at] ^ 1, *blob[at + 1 :]])
        with pytest.raises(VerificationError):
            verify(_armoured(changed), b"m", "git")


def test_truncated_and_padded_signatures_are_refused(key: SshKey) -> None:
    blob = base64.b64decode("".join(key.sign(b"m", "git").splitlines()[1:-1]))

    for changed in (blob[:-1], blob[:40], b"", blob + b"\0"):
        with pytest.raises(VerificationError):
            verify(_armoured(changed), b"m", "git")
    with pytest.raises(VerificationError, match="longer"):
        verify("-" * 20000, b"m", "git")
    with pytest.raises(VerificationError, match="BEGIN"):
        verify("no signature", b"m", "git")


def test_a_public_line_is_checked() -> None:
    with pytest.raises(InvalidInput, match="not a public SSH key"):
        public_line("ssh-ed25519")
    with pytest.raises(InvalidInput, match="not a public SSH key"):
        public_line("ssh-ed25519 !!!! name")


def test_a_hardware_token_must_have_been_touched() -> None:
    private = Ed25519PrivateKey.generate()

    line = verify(_token_signature(private, flags=b"\1"), b"m", "git")

    assert line.startswith("sk-ssh-ed25519@openssh.com ")
    assert public_line(line + " comment") == line
    with pytest.raises(VerificationError, match="touch"):
        verify(_token_signature(private, flags=b"\0"), b"m", "git")


@needs_openssh
@pytest.mark.parametrize("kind", [["ed25519"], ["ecdsa", "-b", "256"], ["rsa", "-b", "2048"]])
def test_what_openssh_signs_is_verified(kind: list[str], tmp_path: Path) -> None:
    path = tmp_path / "key"
    _keygen("-q", "-t", *kind, "-N", "", "-C", "somebody", "-f", str(path))
    line = public_line(path.with_name("key.pub").read_text())

    armored = _keygen("-Y", "sign", "-f", str(path), "-n", "x", message=b"data").stdout.decode()

    assert verify(armored, b"data", "x") == line
    assert fingerprint(line) in _keygen("-l", "-f", str(path)).stdout.decode()
    with pytest.raises(VerificationError):
        verify(armored, b"date", "x")


@needs_openssh
@pytest.mark.parametrize("kind", [["ed25519"], ["ecdsa", "-b", "256"], ["rsa", "-b", "2048"]])
def test_openssh_verifies_what_is_signed_here(kind: list[str], tmp_path: Path) -> None:
    path = tmp_path / "key"
    _keygen("-q", "-t", *kind, "-N", "", "-f", str(path))
    key = SshKey.load(path)
    (tmp_path / "signers").write_text(f"validator {key.public_line}\n")
    (tmp_path / "signature").write_text(key.sign(b"data", "goldenpath"))

    command = ["-Y", "verify", "-f", str(tmp_path / "signers"), "-I", "validator"]
    command += ["-n", "goldenpath", "-s", str(tmp_path / "signature")]

    assert _keygen(*command, message=b"data").returncode == 0
    assert _keygen(*command, message=b"date").returncode != 0


@needs_openssh
def test_an_encrypted_key_needs_its_passphrase_or_an_agent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "key"
    _keygen("-q", "-t", "ed25519", "-N", "secret words", "-f", str(path))
    monkeypatch.setenv("SSH_ASKPASS", "/bin/false")
    monkeypatch.setenv("SSH_ASKPASS_REQUIRE", "force")
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)

    key = SshKey.load(path)

    with pytest.raises(Unavailable, match="could not sign"):
        key.sign(b"data", "git")


def _armoured(blob: bytes) -> str:
    text = base64.b64encode(blob).decode()
    return f"-----BEGIN SSH SIGNATURE-----\n{text}\n-----END SSH SIGNATURE-----\n"


def _token_signature(private: Ed25519PrivateKey, flags: bytes) -> str:
    def string(content: bytes) -> bytes:
        return len(content).to_bytes(4, "big") + content

    raw = private.public_key().public_bytes(
        serialization.Encoding.Raw, serialization.PublicFormat.Raw
    )
    kind, counter = b"sk-ssh-ed25519@openssh.com", b"\0\0\0\7"
    fields = string(b"git") + string(b"") + string(b"sha512")
    signed = b"SSHSIG" + fields + string(hashlib.sha512(b"m").digest())
    touched = hashlib.sha256(b"ssh:").digest() + flags + counter + hashlib.sha256(signed).digest()
    signature = string(kind) + string(private.sign(touched)) + flags + counter
    blob = string(kind) + string(raw) + string(b"ssh:")
    return _armoured(b"SSHSIG\0\0\0\1" + string(blob) + fields + string(signature))
