"""The source of a build: whether it is clean, and which key signed its commit."""

import shutil
import subprocess
from pathlib import Path

import pytest

from goldenpath.errors import Unavailable
from tests.starter import environment
from tests.train.source.repositories import read_source

pytestmark = pytest.mark.skipif(
    shutil.which("ssh-keygen") is None, reason="SKIPPED: signing a commit needs ssh-keygen"
)


def _run(folder: Path, *command: str) -> str:
    process = subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, check=True
    )
    return process.stdout


@pytest.fixture
def signed(tmp_path: Path) -> tuple[Path, str]:
    """Make a repository with one signed commit. Returns it and the fingerprint of the key."""
    _run(tmp_path, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "key")
    _run(tmp_path, "git", "init", "--quiet", "project")
    _run(
        tmp_path / "project", "git", "-c", "gpg.format=ssh", "-c", "user.signingkey=../key.pub",
        "commit", "--quiet", "--allow-empty", "--gpg-sign", "--message", "one\n\nand why",
    )  # fmt: skip
    fingerprint = _run(tmp_path, "ssh-keygen", "-l", "-f", "key.pub").split()[1]
    return tmp_path / "project", fingerprint


def test_the_key_that_signed_the_commit_is_recorded(signed: tuple[Path, str]) -> None:
    folder, fingerprint = signed

    source = read_source(folder, environment())

    assert source.signer == fingerprint
    assert source.author == "data-scientist <data-scientist@bank.example>"


def test_a_tree_that_git_cannot_compare_is_not_called_clean(signed: tuple[Path, str]) -> None:
    folder, _ = signed
    assert not read_source(folder, environment()).dirty
    (folder / ".git" / "index").write_bytes(b"not an index")

    with pytest.raises(Unavailable, match="git ls-files failed"):
        read_source(folder, environment())


def test_a_commit_with_the_signature_of_another_has_no_signer(signed: tuple[Path, str]) -> None:
    folder, _ = signed
    raw = _run(folder, "git", "cat-file", "commit", "HEAD")
    forged = subprocess.run(
        ["git", "hash-object", "-t", "commit", "-w", "--stdin"],
        cwd=folder, input=raw.replace("and why", "and not"), capture_output=True, text=True,
        check=True,
    ).stdout.strip()  # fmt: skip
    _run(folder, "git", "reset", "--quiet", "--hard", forged)

    assert read_source(folder, environment()).signer == ""


def test_an_unsigned_commit_has_no_signer(signed: tuple[Path, str]) -> None:
    folder, _ = signed
    _run(folder, "git", "commit", "--quiet", "--allow-empty", "--no-gpg-sign", "--message", "two")

    assert read_source(folder, environment()).signer == ""


@pytest.fixture
def only_git(tmp_path: Path) -> dict[str, str]:
    """An environment with git and no other program."""
    git = shutil.which("git")
    assert git is not None
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").symlink_to(git)
    return {**environment(), "PATH": str(tmp_path / "bin")}


def test_without_ssh_keygen_a_signed_commit_is_not_called_unsigned(
    signed: tuple[Path, str], only_git: dict[str, str]
) -> None:
    with pytest.raises(Unavailable, match="cannot be checked: ssh-keygen is missing"):
        read_source(signed[0], only_git)


def test_without_ssh_keygen_an_unsigned_commit_is_read(
    signed: tuple[Path, str], only_git: dict[str, str]
) -> None:
    folder, _ = signed
    _run(folder, "git", "commit", "--quiet", "--allow-empty", "--no-gpg-sign", "--message", "two")

    source = read_source(folder, only_git)

    assert (source.signer, source.unchecked) == ("", "")


def test_an_openpgp_signature_without_gpg_is_told_from_none(
    signed: tuple[Path, str], only_git: dict[str, str]
) -> None:
    folder, _ = signed
    raw = _run(folder, "git", "cat-file", "commit", "HEAD").replace(
        "SSH SIGNATURE", "PGP SIGNATURE"
    )
    made = subprocess.run(
        ["git", "hash-object", "-t", "commit", "-w", "--stdin"],
        cwd=folder, input=raw, capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    _run(folder, "git", "reset", "--quiet", "--hard", made)

    source = read_source(folder, only_git)

    assert source.signer == ""
    assert "cannot be checked here" in source.unchecked
