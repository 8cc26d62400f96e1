"""Reads the state of the project's git repository, which the release records as its source."""

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit, urlunsplit

from goldenpath.errors import Unavailable
from goldenpath.files import open_below
from goldenpath.train.environment.uv_lock import FILE as LOCK
from goldenpath.train.environment.uv_lock import MAX_LOCK
from goldenpath.train.environment.workspace_lock import WorkspaceLock, member_lock, read_workspace
from goldenpath.train.source.project_repository import ProjectRepository, project_repository
from goldenpath.train.source.source_export import (
    TreeEntry,
    committed_files,
    export_commit,
    export_work_tree,
    uncommitted_changes,
)
from goldenpath.train.training_run import SourceState


@dataclass(frozen=True, slots=True)
class Checkout:
    """A project as it is checked out: its commit, and what differs from it."""

    state: SourceState
    repository: ProjectRepository
    entries: tuple[TreeEntry, ...]
    """The files of the commit."""
    changes: tuple[str, ...]
    """Files that differ from the commit, are new or are missing."""

    def export(self, target: Path, left_out: tuple[str, ...]) -> WorkspaceLock | None:
        """Write the files into the new folder `target`: of the commit, or as they are if dirty.

        A member of a uv workspace gets its part of the workspace's lock, which is returned.
        """
        if self.state.dirty:
            export_work_tree(self.repository, target, left_out)
        else:
            export_commit(self.repository, self.entries, target, left_out)
        if os.path.lexists(target / LOCK):
            return None
        workspace = self._workspace()
        if workspace is not None:
            (target / LOCK).write_bytes(member_lock(workspace))
        return workspace

    def _workspace(self) -> WorkspaceLock | None:
        """Return the lock in the nearest folder above the project, below the top of the tree."""
        own = PurePosixPath(self.repository.prefix)
        for folder in own.parents if self.repository.prefix else ():
            workspace = read_workspace(
                str(self.repository.top / folder),
                own.relative_to(folder).as_posix(),
                partial(self._below, folder),
            )
            if workspace is not None:
                return workspace
        return None

    def _below(self, folder: PurePosixPath, path: str) -> bytes | None:
        """Return a file below a folder of the repository; None if there is none."""
        repository, name = self.repository, str(folder / path)
        if self.state.dirty:
            try:
                with open_below(repository.top, name) as file:
                    return file.read(MAX_LOCK + 1)
            except FileNotFoundError:
                return None
        listed = repository.text("ls-tree", "--full-tree", repository.commit, "--", name)
        if not listed.startswith("100"):  # the mode of a file; a link is 120000
            return None
        (content,) = (b"".join(chunks) for chunks in repository.objects([listed.split()[2]]))
        return content


@contextmanager
def open_checkout(root: Path, environment: Mapping[str, str]) -> Iterator[Checkout]:
    """Yield the checkout of a project, compared file by file with the objects of its commit.

    Raises `InvalidInput` if there is no commit, for a submodule and for links that we would read.
    Raises `Unavailable` if git cannot say what the commit or the work tree holds.
    """
    with project_repository(root, environment) as repository:
        entries = committed_files(repository)
        changes = uncommitted_changes(repository, entries)
        state = _state(repository, environment, is_dirty=bool(changes))
        yield Checkout(state, repository, entries, changes)


def changes_of(root: Path, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the files that differ from the commit, are new or are missing.

    Raises as `open_checkout` does.
    """
    with open_checkout(root, environment) as checkout:
        return checkout.changes


def _state(
    repository: ProjectRepository, environment: Mapping[str, str], *, is_dirty: bool
) -> SourceState:
    form = "--format=%H%n%cI%n%an <%ae>"
    commit, committed_at, author = repository.text("log", "-1", form, repository.commit).split("\n")
    signer, unchecked = _signer(repository, environment)
    return SourceState(
        commit=commit,
        remote=_without_password(repository.setting("remote", "get-url", "origin")),
        branch=repository.setting("symbolic-ref", "--quiet", "--short", "HEAD"),
        dirty=is_dirty,
        author=author,
        committed_at=_utc(committed_at),
        signer=signer,
        unchecked=unchecked,
    )


def _signer(repository: ProjectRepository, environment: Mapping[str, str]) -> tuple[str, str]:
    """Return the fingerprint of the key that validly signed the commit, empty if none did.

    The second text says why a signature could not be checked; it is empty if it could, or if there
    is none. Raises `Unavailable` for an SSH signature without ssh-keygen.
    """
    raw = repository.text("cat-file", "commit", repository.commit)
    head, _, message = raw.partition("\n\n")
    signed_headers: list[str] = []
    signature: list[str] = []
    inside = False
    for line in head.splitlines():
        # Lines that begin with a space continue the header before them (git, commit format).
        inside = line.startswith("gpgsig ") or (inside and line.startswith(" "))
        (signature if inside else signed_headers).append(line)
    if not signature:
        return "", ""
    armoured = "\n".join(signature).removeprefix("gpgsig ").replace("\n ", "\n")
    if "SSH SIGNATURE" in armoured:
        signed = "\n".join(signed_headers) + "\n\n" + message + "\n"
        return _ssh_signer(armoured, signed, environment), ""
    # The program is the one that the user configured, never one that the project names.
    verification = repository.text("log", "-1", "--format=%G? %GF", repository.commit)
    status, _, fingerprint = verification.partition(" ")
    # There is a signature, so "none" means that gpg is missing, and E that its key is.
    if status in ("N", "E"):
        return "", "its OpenPGP signature cannot be checked here: gpg or the public key is missing"
    return (fingerprint if status in ("G", "U") else ""), ""


def _ssh_signer(armoured: str, signed: str, environment: Mapping[str, str]) -> str:
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".sig") as file:
        file.write(armoured + "\n")
        file.flush()
        command = ["ssh-keygen", "-Y", "check-novalidate", "-n", "git", "-s", file.name]
        try:
            process = subprocess.run(
                command, env=environment, input=signed.encode(), capture_output=True, check=False
            )
        except OSError as error:
            # Otherwise the name in the commit would count as its author's.
            raise Unavailable(
                "the commit has an SSH signature that cannot be checked: ssh-keygen is missing",
                hint="install the OpenSSH client where releases are built",
            ) from error
    fingerprint = re.search(rb"SHA256:[A-Za-z0-9+/]{43}", process.stdout)
    return fingerprint[0].decode() if process.returncode == 0 and fingerprint else ""


def changed_at(repository: ProjectRepository, file: str) -> str:
    """Return when a commit last changed `file`, RFC 3339 in UTC; empty if no commit has it."""
    path = f":(top,literal){repository.prefix}{file}"
    time = repository.text("log", "-1", "--format=%cI", repository.commit, "--", path)
    return _utc(time) if time else ""


def _utc(text: str) -> str:
    stamp = datetime.fromisoformat(text).astimezone(UTC)
    return stamp.isoformat(timespec="seconds").replace("+00:00", "Z")


def _without_password(remote: str) -> str:
    parts = urlsplit(remote)
    if parts.scheme not in {"http", "https"} or "@" not in parts.netloc:
        return remote
    return urlunsplit(parts._replace(netloc=parts.netloc.rsplit("@", 1)[1]))
