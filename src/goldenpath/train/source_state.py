"""Reads the state of the project's git repository, which the release records as its source."""

import re
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from goldenpath.errors import InvalidInput, Unavailable
from goldenpath.train.training_run import SourceState


def read_source(root: Path, environment: Mapping[str, str]) -> SourceState:
    """Return commit, branch, remote and author, and whether the tree differs from the commit.

    Untracked files that are not ignored make the tree dirty as well. Raises `InvalidInput` if there
    is no commit, and `Unavailable` if git cannot compare the tree with it.
    """
    log = optional_git(root, environment, "log", "-1", "--format=%H%n%cI%n%an <%ae>")
    if log is None:
        raise InvalidInput(
            f"{root} has no commit: expected a git repository with the project in it",
            hint="run git init && git add --all && git commit",
        )
    commit, committed_at, author = log.splitlines()
    status = git(root, environment, "status", "--porcelain", "--untracked-files=normal", "--", ".")
    return SourceState(
        commit=commit,
        remote=_without_password(
            optional_git(root, environment, "remote", "get-url", "origin") or ""
        ),
        branch=optional_git(root, environment, "symbolic-ref", "--quiet", "--short", "HEAD") or "",
        dirty=bool(status),
        author=author,
        committed_at=_utc(committed_at),
        signer=_signer(root, environment, commit),
    )


def _signer(root: Path, environment: Mapping[str, str], commit: str) -> str:
    """Return the fingerprint of the key that validly signed the commit; empty if none did."""
    raw = git(root, environment, "cat-file", "commit", commit)
    head, _, message = raw.partition("\n\n")
    signed_headers: list[str] = []
    signature: list[str] = []
    inside = False
    for line in head.splitlines():
        # Lines that begin with a space continue the header before them (git, commit format).
        inside = line.startswith("gpgsig ") or (inside and line.startswith(" "))
        (signature if inside else signed_headers).append(line)
    if not signature:
        return ""
    armoured = "\n".join(signature).removeprefix("gpgsig ").replace("\n ", "\n")
    if "SSH SIGNATURE" in armoured:
        signed = "\n".join(signed_headers) + "\n\n" + message + "\n"
        return _ssh_signer(armoured, signed, environment)
    # Without gpg git fails here. The commit then counts as unsigned, which the gates refuse.
    verification = optional_git(root, environment, "log", "-1", "--format=%G? %GF", commit) or ""
    status, _, fingerprint = verification.partition(" ")
    return fingerprint if status in ("G", "U") else ""


def _ssh_signer(armoured: str, signed: str, environment: Mapping[str, str]) -> str:
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".sig") as file:
        file.write(armoured + "\n")
        file.flush()
        command = ["ssh-keygen", "-Y", "check-novalidate", "-n", "git", "-s", file.name]
        try:
            process = subprocess.run(
                command, env=environment, input=signed.encode(), capture_output=True, check=False
            )
        except OSError:
            # Without ssh-keygen the commit counts as unsigned, which the gates refuse.
            return ""
    fingerprint = re.search(rb"SHA256:[A-Za-z0-9+/]{43}", process.stdout)
    return fingerprint[0].decode() if process.returncode == 0 and fingerprint else ""


def changed_at(root: Path, file: str, environment: Mapping[str, str]) -> str:
    """Return when a commit last changed `file`, RFC 3339 in UTC; empty if no commit has it."""
    time = git(root, environment, "log", "-1", "--format=%cI", "--", file)
    return _utc(time) if time else ""


def _utc(text: str) -> str:
    stamp = datetime.fromisoformat(text).astimezone(UTC)
    return stamp.isoformat(timespec="seconds").replace("+00:00", "Z")


def _without_password(remote: str) -> str:
    parts = urlsplit(remote)
    if parts.scheme not in {"http", "https"} or "@" not in parts.netloc:
        return remote
    return urlunsplit(parts._replace(netloc=parts.netloc.rsplit("@", 1)[1]))


def git(root: Path, environment: Mapping[str, str], *arguments: str) -> str:
    """Return the output of git in `root`. Raises `Unavailable` if git fails or is not installed."""
    process = _run_git(root, environment, arguments)
    if process.returncode != 0:
        reason = process.stderr.decode("utf-8", "replace").strip()[-500:]
        raise Unavailable(f"git {arguments[0]} failed in {root}: {reason}")
    return process.stdout.decode("utf-8", "replace").strip()


def optional_git(root: Path, environment: Mapping[str, str], *arguments: str) -> str | None:
    """Return the output of git in `root`; None if git exits with an error.

    Only for questions where git reports "there is none" by its exit status. Raises `Unavailable`
    if git is not installed.
    """
    process = _run_git(root, environment, arguments)
    if process.returncode != 0:
        return None
    return process.stdout.decode("utf-8", "replace").strip()


def _run_git(
    root: Path, environment: Mapping[str, str], arguments: Sequence[str]
) -> "subprocess.CompletedProcess[bytes]":
    command = ["git", "-C", str(root), "--no-optional-locks", *arguments]
    try:
        return subprocess.run(command, env=environment, capture_output=True, check=False)
    except OSError as error:
        raise Unavailable("git cannot be started", hint="install git") from error
