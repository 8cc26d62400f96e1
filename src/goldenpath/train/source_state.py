"""The state of the project's git repository: what will be said to have been built."""

import re
import subprocess
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from goldenpath.errors import InvalidInput, Unavailable
from goldenpath.train.training_run import SourceState


def read_source(root: Path, environment: Mapping[str, str]) -> SourceState:
    """Commit, branch, remote and author, and whether the tree differs from the commit.

    Files that git does not know and does not ignore make the tree dirty as well. Raises
    `InvalidInput` where there is no commit.
    """
    log = git(root, environment, "log", "-1", "--format=%H%n%cI%n%an <%ae>")
    if log is None:
        raise InvalidInput(
            f"{root} has no commit: expected a git repository with the project in it",
            hint="git init && git add --all && git commit",
        )
    commit, committed_at, author = log.splitlines()
    status = git(root, environment, "status", "--porcelain", "--untracked-files=normal", "--", ".")
    return SourceState(
        commit=commit,
        remote=_without_password(git(root, environment, "remote", "get-url", "origin") or ""),
        branch=git(root, environment, "symbolic-ref", "--quiet", "--short", "HEAD") or "",
        dirty=bool(status),
        author=author,
        committed_at=_utc(committed_at),
        signer=_signer(root, environment, commit),
    )


def _signer(root: Path, environment: Mapping[str, str], commit: str) -> str:
    """The fingerprint of the key that validly signed the commit; empty if none did."""
    raw = git(root, environment, "cat-file", "commit", commit) or ""
    head, _, message = raw.partition("\n\n")
    kept: list[str] = []
    signature: list[str] = []
    inside = False
    for line in head.splitlines():
        # A header goes on in the lines after it that begin with a space (git, commit format).
        inside = line.startswith("gpgsig ") or (inside and line.startswith(" "))
        (signature if inside else kept).append(line)
    if not signature:
        return ""
    armoured = "\n".join(signature).removeprefix("gpgsig ").replace("\n ", "\n")
    if "SSH SIGNATURE" in armoured:
        return _ssh_signer(armoured, "\n".join(kept) + "\n\n" + message + "\n", environment)
    said = git(root, environment, "log", "-1", "--format=%G? %GF", commit) or ""
    status, _, fingerprint = said.partition(" ")
    return fingerprint if status in ("G", "U") else ""


def _ssh_signer(armoured: str, signed: str, environment: Mapping[str, str]) -> str:
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".sig") as file:
        file.write(armoured + "\n")
        file.flush()
        command = ["ssh-keygen", "-Y", "check-novalidate", "-n", "git", "-s", file.name]
        try:
            done = subprocess.run(
                command, env=environment, input=signed.encode(), capture_output=True, check=False
            )
        except OSError:
            return ""  # without ssh-keygen nobody here can say
    found = re.search(rb"SHA256:[A-Za-z0-9+/]{43}", done.stdout)
    return found[0].decode() if done.returncode == 0 and found else ""


def changed_at(root: Path, file: str, environment: Mapping[str, str]) -> str:
    """When `file` was last changed by a commit, RFC 3339 in UTC; empty if none has it."""
    said = git(root, environment, "log", "-1", "--format=%cI", "--", file)
    return _utc(said) if said else ""


def _utc(text: str) -> str:
    stamp = datetime.fromisoformat(text).astimezone(UTC)
    return stamp.isoformat(timespec="seconds").replace("+00:00", "Z")


def _without_password(remote: str) -> str:
    parts = urlsplit(remote)
    if parts.scheme not in {"http", "https"} or "@" not in parts.netloc:
        return remote
    return urlunsplit(parts._replace(netloc=parts.netloc.rsplit("@", 1)[1]))


def git(root: Path, environment: Mapping[str, str], *arguments: str) -> str | None:
    """What git says in `root`; None if it fails. Raises `Unavailable` if there is no git."""
    command = ["git", "-C", str(root), "--no-optional-locks", *arguments]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, check=False)
    except OSError as error:
        raise Unavailable("git cannot be started", hint="install git") from error
    return done.stdout.decode("utf-8", "replace").strip() if done.returncode == 0 else None
