"""Many signed commits on a bare repository in a few calls of git, and a count of those calls."""

import hashlib
import shutil
import subprocess
import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from goldenpath.promote.repository.commit import insert_signature, render_commit
from goldenpath.promote.repository.identity import Identity

Changes = Mapping[str, bytes]


def add_commits(
    folder: Path, parent: str, changes: Sequence[Changes], who: Identity, start: datetime
) -> str:
    """Commit each change a second after the one before, signed, and move `main` to the last."""
    git = ["git", f"--git-dir={folder}"]
    stream = b"".join(_imported(parent, number, change) for number, change in enumerate(changes))
    subprocess.run([*git, "fast-import", "--quiet"], input=stream, check=True)
    listed = subprocess.run(
        [*git, "log", "--reverse", "--format=%T", f"{parent}..refs/heads/scratch"],
        capture_output=True, check=True, text=True,
    )  # fmt: skip
    for number, tree in enumerate(listed.stdout.split()):
        when = start + timedelta(seconds=number)
        content = render_commit(tree, (parent,), who.name, when, message=f"change {number}\n")
        parent = write_object(folder, insert_signature(content, who.key.sign(content, "git")))
    subprocess.run([*git, "update-ref", "refs/heads/main", parent], check=True)
    subprocess.run([*git, "update-ref", "-d", "refs/heads/scratch"], check=True)
    return parent


def _imported(parent: str, number: int, change: Changes) -> bytes:
    origin = f"from {parent}\n" if number == 0 else ""
    head = f"commit refs/heads/scratch\ncommitter x <> {number} +0000\ndata 0\n{origin}"
    files = (
        b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(content), content)
        for path, content in change.items()
    )
    return head.encode() + b"".join(files)


def write_object(folder: Path, content: bytes) -> str:
    """Write one commit object and return its id."""
    whole = b"commit %d\0" % len(content) + content
    name = hashlib.sha1(whole, usedforsecurity=False).hexdigest()
    path = folder / "objects" / name[:2] / name[2:]
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(zlib.compress(whole, 1))
    return name


class CountedGit:
    """Counts the git processes that are started through PATH."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        real, self._calls = shutil.which("git"), folder / "calls"
        folder.mkdir(parents=True, exist_ok=True)
        script = folder / "git"
        script.write_text(f'#!/bin/sh\necho >> {self._calls}\nexec {real} "$@"\n')
        script.chmod(0o755)
        monkeypatch.setenv("PATH", str(folder), prepend=":")

    def take(self) -> int:
        """Return how many were started since the last time."""
        count = len(self._calls.read_bytes()) if self._calls.exists() else 0
        self._calls.unlink(missing_ok=True)
        return count
