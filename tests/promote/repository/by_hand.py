"""Commits as somebody with plain git and access to push makes them: of any date, tree and key.

Objects and references are written as gitrepository-layout(5) describes them, since each start of
git costs more than everything else here.
"""

import hashlib
import os
import subprocess
import tempfile
import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from goldenpath.promote.repository.commit import insert_signature, render_commit
from goldenpath.release.attest.signatures.sshsig import SshKey

FILE, LINK, SUBMODULE = "100644", "120000", "160000"
MAIN = "refs/heads/main"


class Hand:
    """Plain git on a bare remote."""

    def __init__(self, remote: Path) -> None:
        self.remote = remote

    def git(self, *words: str, stdin: bytes = b"", index: str = "") -> str:
        """What git prints."""
        environment = {"PATH": "/usr/bin:/bin", "GIT_CONFIG_GLOBAL": "/dev/null"}
        if index:
            environment["GIT_INDEX_FILE"] = index
        command = ["git", f"--git-dir={self.remote}", *words]
        done = subprocess.run(
            command, input=stdin, capture_output=True, check=True, env=environment
        )
        return done.stdout.decode().strip()

    @property
    def head(self) -> str:
        """The commit of `main`."""
        return (self.remote / MAIN).read_text("ascii").strip()

    def read(self, path: str) -> bytes:
        """A file of `main`, without its last line breaks."""
        return self.git("cat-file", "blob", f"{MAIN}:{path}").encode() + b"\n"

    def store(self, kind: str, content: bytes) -> str:
        """Write an object, however wrong its content is, and return its id."""
        whole = f"{kind} {len(content)}".encode() + b"\0" + content
        identity = hashlib.sha1(whole, usedforsecurity=False).hexdigest()
        place = self.remote / "objects" / identity[:2] / identity[2:]
        if not place.exists():
            place.parent.mkdir(exist_ok=True)
            place.write_bytes(zlib.compress(whole, 1))
        return identity

    def blob(self, content: bytes) -> str:
        """The id of a new blob."""
        return self.store("blob", content)

    def raw_tree(self, *entries: tuple[str, str, str]) -> str:
        """The id of a tree of exactly these entries (mode, name, id), however wrong."""
        content = b"".join(
            f"{mode} {name}".encode() + b"\0" + bytes.fromhex(identity)
            for mode, name, identity in entries
        )
        return self.store("tree", content)

    def tree(self, parent: str, files: Mapping[str, bytes | None], mode: str = FILE) -> str:
        """The id of the tree of `parent` with these files; None removes one."""
        with tempfile.TemporaryDirectory() as folder:
            index = f"{folder}/index"
            self.git("read-tree", parent, index=index)
            lines = b""
            for path, content in files.items():
                if content is None:
                    lines += b"0 %s\t%s\0" % (b"0" * 40, os.fsencode(path))
                else:
                    identity = content.decode() if mode == SUBMODULE else self.blob(content)
                    lines += f"{mode} {identity}\t".encode() + os.fsencode(path) + b"\0"
            self.git("update-index", "-z", "--index-info", stdin=lines, index=index)
            return self.git("write-tree", index=index)

    def commit(
        self,
        key: SshKey,
        files: Mapping[str, bytes | None],
        when: datetime,
        *,
        parents: Sequence[str] = (),
        tree: str = "",
        mode: str = FILE,
        message: str = "by hand",
    ) -> str:
        """Sign a commit on `main` (or on `parents`) and move `main` to it."""
        above = tuple(parents) or (self.head,)
        made = tree or self.tree(above[0], files, mode)
        content = render_commit(made, above, "somebody", when, message=message)
        signed = insert_signature(content, key.sign(content, "git"))
        commit = self.store("commit", signed)
        self.reset(commit)
        return commit

    def reset(self, commit: str) -> None:
        """Move `main` to a commit, as a forced push does."""
        (self.remote / MAIN).write_text(f"{commit}\n", "ascii")
