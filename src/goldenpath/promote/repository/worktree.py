"""The gitops repository, read and changed without a checkout.

A bare cache repository holds what was fetched, so that it can be read while the remote cannot be
reached. A change is a commit object that is made here and signed with an SSH key. It is pushed only
if the branch is still where it was read, so that nobody's commit is lost.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

from goldenpath.errors import InvalidInput, NotFound, Unavailable, VerificationError
from goldenpath.files import locked
from goldenpath.promote.repository.address import Address
from goldenpath.promote.repository.commit import (
    Commit,
    insert_signature,
    parse_commit,
    render_commit,
)
from goldenpath.promote.repository.commit_signature import verify_commit
from goldenpath.promote.repository.git import Git, GitFailed, last_line
from goldenpath.promote.repository.git_objects import changed_paths, read_blobs
from goldenpath.promote.repository.tree import write_tree
from goldenpath.release.attest.policy import Person
from goldenpath.release.attest.signatures.sshsig import SshKey
from goldenpath.settings import tool_environment

BRANCH = "refs/heads/main"

_BATCH = 500
_PATH = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
_MOVED = (
    "stale info", "fetch first", "non-fast-forward", "cannot lock ref", "failed to update ref",
)  # fmt: skip


class MovedOn(Unavailable):
    """The branch has moved since it was read: fetch, decide again, commit again."""


class Protected(InvalidInput):
    """The remote accepts no push to `main`."""


class Repository:
    """The branch `main` of the repository at `url`, with a bare repository at `cache`."""

    def __init__(self, url: str, cache: Path, environment: Mapping[str, str] | None = None) -> None:
        given = os.environ if environment is None else environment
        self._address = Address(url)
        self.url = url
        self.cache = cache
        self._git = Git(cache, tool_environment(given))

    def fetch(self) -> str:
        """Fetch `main` and return its commit.

        Raises `Unavailable` if the remote cannot be reached, `NotFound` if it has no `main`, and
        `VerificationError` if its history was rewritten.
        """
        with self._locked():
            local = self._local()
            remote = self._remote()
            if remote == local:
                return remote
            try:
                self._git.run("fetch", "--no-tags", self.url, f"{BRANCH}:{BRANCH}")
            except GitFailed as error:
                if "non-fast-forward" in error.words or "rejected" in error.words:
                    raise VerificationError(
                        f"the history of {self._address} was rewritten: {local} is not in it",
                        hint="find out who rewrote it; remove the cache to accept the new history",
                    ) from error
                raise self._unreachable(error) from error
            head = self._local()
        if head is None:
            raise NotFound(f"{self._address} has no branch main", hint="run goldenpath init")
        return head

    def head(self) -> str:
        """Return the last commit that was fetched, without asking the remote. Raises `NotFound`."""
        commit = self._local()
        if commit is None:
            raise NotFound(f"nothing was fetched from {self._address} yet")
        return commit

    def read(self, commit: str, path: str) -> bytes | None:
        """Return the content of one file in `commit`; None if it is not there."""
        return self._blobs([f"{commit}:{path}"])[0]

    def files(self, commit: str, prefix: str = "") -> Mapping[str, bytes]:
        """Return every file below the folder `prefix` (all files, if it is empty), by path.

        A file that is too large is replaced as in `deployment_files`.
        """
        named = self.entries(commit, prefix)
        contents = self._blobs(list(named.values()), stand_in=True)
        return {
            path: content
            for path, content in zip(named, contents, strict=True)
            if content is not None
        }

    def entries(self, commit: str, prefix: str = "") -> Mapping[str, str]:
        """Return the blob id of every file below the folder `prefix`, by path."""
        spec = ["--", prefix.rstrip("/") + "/"] if prefix else []
        listed = self._ask("ls-tree", "-r", "-z", "--full-tree", commit, *spec)
        named = {}
        for entry in filter(None, listed.split(b"\0")):
            head, _, path = entry.partition(b"\t")
            mode, kind, blob = head.decode().split(" ")
            if kind == "blob" and mode.startswith("100"):
                named[path.decode("utf-8", "replace")] = blob
        return named

    def history(self, path: str | None = None, *, to: str | None = None) -> Iterator[Commit]:
        """Yield the commits up to `to` that touch `path`, newest first.

        The defaults are the last commit that was fetched, and all paths.
        """
        spec = ["--", path] if path else []
        listed = self._ask("rev-list", "--full-history", to or self.head(), *spec).decode().split()
        for start in range(0, len(listed), _BATCH):
            yield from self.commits(listed[start : start + _BATCH])

    def commits(self, ids: Sequence[str]) -> tuple[Commit, ...]:
        """Return those commits, with the paths that each changed."""
        raw = self._raw(ids)
        try:
            changed = changed_paths(self._git, ids)
        except GitFailed as error:
            raise self._broken(error) from error
        return tuple(parse_commit(each, raw[each], changed[each]) for each in ids)

    def between(self, start: str | None, end: str) -> tuple[str, ...]:
        """Return the ids of the commits after `start` (all, if None) up to `end`, parents first."""
        wanted = [end] if start is None else [end, f"^{start}"]
        return tuple(self._ask("rev-list", "--topo-order", "--reverse", *wanted).decode().split())

    def last_change(self, commit: str, *paths: str) -> str:
        """Return the newest commit up to `commit` that touches one of `paths`; empty if none."""
        return self._ask("rev-list", "-1", "--full-history", commit, "--", *paths).decode().strip()

    def differing(self, one: str, other: str) -> tuple[str, ...]:
        """Return the paths that differ between both commits."""
        listed = self._ask("diff-tree", "-r", "-z", "--no-renames", "--name-only", one, other)
        return tuple(filter(None, listed.decode("utf-8", "replace").split("\0")))

    def fetch_branch(self, name: str) -> str:
        """Fetch another branch than `main` and return its commit. Raises `NotFound`."""
        reference = f"refs/heads/{name}"
        if _PATH.fullmatch(name) is None:
            raise InvalidInput(f"{name!r} cannot be the name of a branch")
        with self._locked():
            try:
                self._git.run("fetch", "--no-tags", self.url, f"+{reference}:{reference}")
            except GitFailed as error:
                if "couldn't find remote ref" in error.words:
                    raise NotFound(f"{self._address} has no branch {name}") from error
                raise self._unreachable(error) from error
        return self._ask("rev-parse", reference).decode().strip()

    def contains(self, ancestor: str, commit: str) -> bool:
        """Whether `ancestor` is `commit` or in its history."""
        try:
            self._git.run("merge-base", "--is-ancestor", ancestor, commit)
        except GitFailed as error:
            if error.words:
                raise NotFound(f"commit {ancestor[:12]} or {commit[:12]} is not known") from error
            return False
        return True

    def commit(
        self,
        parent: str | None,
        files: Mapping[str, bytes | None],
        message: str,
        author: str,
        *,
        key: SshKey,
        now: datetime,
        branch: str = "main",
    ) -> str:
        """Write, sign and push one commit on `parent`, and return its id.

        `files` gives each changed path its content, None to delete it. `parent` None makes the
        first commit. Raises `MovedOn`, with nothing changed, if `main` is not at `parent`. Another
        branch than `main` is moved to the commit, wherever it was.
        """
        wrong = [path for path in files if _PATH.fullmatch(path) is None]
        if wrong:
            raise InvalidInput(f"{wrong[0]!r} cannot be a path in the gitops repository")
        self._git.initialise()
        tree = self._tree(parent, files)
        content = render_commit(tree, (parent,) if parent else (), author, now, message=message)
        signed = insert_signature(content, key.sign(content, "git"))
        try:
            made = self._git.run("hash-object", "-t", "commit", "-w", "--stdin", stdin=signed)
        except GitFailed as error:
            raise self._broken(error) from error
        commit = made.decode().strip()
        if branch == "main":
            self._push(parent, commit)
        else:
            self._push_branch(commit, branch)
        return commit

    def diff(self, parent: str | None, files: Mapping[str, bytes | None]) -> str:
        """Return what `commit` would change as a unified diff; nothing is pushed."""
        self._git.initialise()
        before = parent or self._git.run("mktree").decode().strip()
        after = self._tree(parent, files)
        return self._ask("diff", "--no-color", "--no-renames", before, after).decode(
            "utf-8", "replace"
        )

    def verify(self, commit: str, people: Sequence[Person]) -> str:
        """Return the name of the one of `people` who signed `commit`.

        Raises `VerificationError` if it is unsigned, tampered with, signed by a key that is not
        listed, or signed outside the key's period of validity.
        """
        content = self._raw([commit])[commit]
        return verify_commit(commit, content, people)

    def raw(self, ids: Sequence[str]) -> Mapping[str, bytes]:
        """Return the bytes of those commit objects. Raises `NotFound`."""
        return self._raw(ids)

    def blobs(self, names: Sequence[str]) -> tuple[bytes | None, ...]:
        """Return contents by blob id or `commit:path`, in one call. Raises `InvalidInput`."""
        return self._blobs(names)

    def deployment_files(self, names: Sequence[str]) -> tuple[bytes | None, ...]:
        """Return contents like `blobs`, but let a file that is too large stop only its deployment.

        It is replaced by a text that every reader refuses as too large, different for each file.
        """
        return self._blobs(names, stand_in=True)

    def blob_ids(self, commits: Sequence[str], path: str) -> tuple[str | None, ...]:
        """Return the id of the blob at `path` in each commit; None where there is none."""
        asked = "".join(f"{each}:{path}\n" for each in commits).encode()
        lines = self._ask("cat-file", "--batch-check=%(objectname) %(objecttype)", stdin=asked)
        found = [line.split(" ") for line in lines.decode().splitlines()]
        return tuple(line[0] if line[-1] == "blob" else None for line in found)

    def _tree(self, parent: str | None, files: Mapping[str, bytes | None]) -> str:
        try:
            with self._on_disk():
                return write_tree(self._git, self.cache, parent, files)
        except GitFailed as error:
            raise self._broken(error) from error

    def _push(self, parent: str | None, commit: str) -> None:
        lease = f"--force-with-lease={BRANCH}:{parent or ''}"
        with self._locked():
            try:
                self._git.run("push", "--porcelain", lease, self.url, f"{commit}:{BRANCH}")
            except GitFailed as error:
                if any(word in error.words for word in _MOVED):
                    raise MovedOn(
                        f"main of {self._address} moved on meanwhile: it is no longer {parent}",
                        hint="run the command again, it decides on the new state",
                    ) from error
                if error.is_refusal:
                    raise Protected(
                        f"{self._address} refused the commit: {self._said(error)}",
                        hint="the branch may be protected; push a branch and open a pull request",
                    ) from error
                raise self._unreachable(error) from error
            self._ask("update-ref", BRANCH, commit)

    def _push_branch(self, commit: str, branch: str) -> None:
        try:
            self._git.run("push", "--porcelain", self.url, f"+{commit}:refs/heads/{branch}")
        except GitFailed as error:
            if error.is_refusal:
                raise InvalidInput(
                    f"{self._address} refused the branch {branch}: {self._said(error)}"
                ) from error
            raise self._unreachable(error) from error

    def _remote(self) -> str:
        try:
            said = self._git.run("ls-remote", "--quiet", self.url, BRANCH).decode().split()
        except GitFailed as error:
            raise self._unreachable(error) from error
        if not said:
            raise NotFound(f"{self._address} has no branch main", hint="run goldenpath init")
        return said[0]

    def _local(self) -> str | None:
        self._git.initialise()
        said = self._ask("for-each-ref", "--format=%(objectname)", BRANCH).decode().strip()
        return said or None

    def _raw(self, ids: Sequence[str]) -> dict[str, bytes]:
        result = {}
        for each, found in zip(ids, self._objects(ids), strict=True):
            if found is None or found[0] != "commit":
                raise NotFound(f"{each[:12]} is not a commit of the gitops repository")
            result[each] = found[1]
        return result

    def _blobs(self, names: Sequence[str], *, stand_in: bool = False) -> tuple[bytes | None, ...]:
        try:
            return read_blobs(self._git, names, stand_in=stand_in)
        except GitFailed as error:
            raise self._broken(error) from error

    def _objects(self, names: Sequence[str]) -> list[tuple[str, bytes] | None]:
        try:
            return list(self._git.objects(names))
        except GitFailed as error:
            raise self._broken(error) from error

    def _ask(self, *arguments: str, stdin: bytes = b"") -> bytes:
        try:
            return self._git.run(*arguments, stdin=stdin)
        except GitFailed as error:
            raise self._broken(error) from error

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Let one process at a time move the reference in the cache."""
        self._git.initialise()
        with ExitStack() as stack:
            with self._on_disk():
                stack.enter_context(locked(self.cache / "goldenpath.lock"))
            yield

    @contextmanager
    def _on_disk(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise Unavailable(
                f"{self.cache} cannot be written: {error.strerror}",
                hint="check that its disk has room and is writable",
            ) from error

    def _said(self, error: GitFailed) -> str:
        return last_line(self._address.cleared(error.words))

    def _unreachable(self, error: GitFailed) -> Unavailable:
        return Unavailable(
            f"the gitops repository {self._address} cannot be used: {self._said(error)}",
            hint="check its address, the network, your access and its disk, then run this again",
        )

    def _broken(self, error: GitFailed) -> Unavailable:
        if "bad revision" in error.words or "Not a valid object" in error.words:
            raise NotFound(f"the gitops repository has no such commit: {last_line(error.words)}")
        return Unavailable(
            f"the copy of the gitops repository cannot be used: {last_line(error.words)}",
            hint=f"check that {self.cache} is writable and its disk has room, or remove it",
        )
