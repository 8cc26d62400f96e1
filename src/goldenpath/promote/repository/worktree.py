"""The gitops repository, read and changed without a checkout.

A bare cache repository holds what was followed, so that it can be read while the remote cannot be
reached. What is fetched stays in a quarantine until somebody has verified it.

A change is a commit object that is made here and signed with an SSH key. It is pushed only if the
branch is still where it was read, so that nobody's commit is lost.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from goldenpath.errors import InvalidInput, NotFound, VerificationError
from goldenpath.files import locked
from goldenpath.promote.repository.address import Address
from goldenpath.promote.repository.commit import (
    Commit,
    insert_signature,
    parse_commit,
    render_commit,
)
from goldenpath.promote.repository.commit_signature import verify_commit
from goldenpath.promote.repository.git import Git, GitFailed, on_disk, unusable_copy
from goldenpath.promote.repository.git_objects import (
    ObjectReader,
    irregular,
    is_ancestor,
    merge_bases,
    read_blobs,
    read_folders,
    refuse_large_commits,
)
from goldenpath.promote.repository.quarantine import copy_history, fetch_checked, scratch
from goldenpath.promote.repository.tree import write_tree
from goldenpath.release.attest.policy import Person
from goldenpath.release.attest.signatures.sshsig import SshKey
from goldenpath.settings import tool_environment

BRANCH = "refs/heads/main"

_BATCH = 500
_PATH = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")


class Repository:
    """One branch of the repository at `url`, usually `main`, with a bare repository at `cache`."""

    def __init__(
        self,
        url: str,
        cache: Path,
        environment: Mapping[str, str] | None = None,
        known: ObjectReader | None = None,
        *,
        branch: str = "main",
    ) -> None:
        self._branch = branch
        self._reference = f"refs/heads/{branch}"
        given = os.environ if environment is None else environment
        self._address = Address(url)
        self.url = url
        self.cache = cache
        self._environment = given
        self._git = Git(cache, tool_environment(given))
        self._reader = ObjectReader(self._git, known)

    def fetch(self) -> str:
        """Fetch the branch, move our copy of it, and return its commit, before any trust.

        Raises `Unavailable` if the remote cannot be reached, `NotFound` if it has no `main`, and
        `VerificationError` if its history was rewritten.
        """
        with self.incoming() as (held, head):
            local = self._local()
            # Before any trust there is no pin to compare with; our own copy is the only witness of
            # a rewrite.
            if local is not None and not held.contains(local, head):
                raise VerificationError(
                    f"the history of {self._address} was rewritten: {local} is not in it",
                    hint="find out who rewrote it; remove the cache to accept the new history",
                )
            self.take(held, head)
        return head

    def remote_head(self) -> str:
        """Return the commit of `main` at the remote; nothing is fetched."""
        try:
            answer = (
                self._git.run("ls-remote", "--quiet", self.url, self._reference).decode().split()
            )
        except GitFailed as error:
            raise self._address.unreachable(error) from error
        if not answer:
            raise self._address.no_branch(self._branch)
        return answer[0]

    @contextmanager
    def incoming(self, branch: str = "") -> Iterator[tuple["Repository", str]]:
        """Fetch a branch into a quarantine; yield a repository that reads it, and its commit.

        Without a name it is the repository's own branch. It is removed at the end, whatever
        happened. Raises `VerificationError` for objects that git finds malformed. Otherwise raises
        like `fetch`.
        """
        branch = branch or self._branch
        if _PATH.fullmatch(branch) is None:
            raise InvalidInput(f"{branch!r} cannot be the name of a branch")
        self._git.initialise()
        with ExitStack() as stack:
            with on_disk(self.cache):
                git = stack.enter_context(scratch(self._git))
            try:
                reference = f"refs/heads/{branch}"
                # One branch and no tags: nothing else is read, and nobody fills the disk with it.
                head = fetch_checked(git, self.url, reference, str(self._address))
            except GitFailed as error:
                if "couldn't find remote ref" in error.words:
                    raise self._address.no_branch(branch) from error
                raise self._address.unreachable(error) from error
            yield (
                Repository(
                    self.url, git.folder, self._environment, self._reader, branch=self._branch
                ),
                head,
            )

    def take(self, held: "Repository", commit: str) -> None:
        """Copy a verified commit from its quarantine, with its history, and move `main` to it."""
        with self._locked(), on_disk(self.cache), self._in_our_copy():
            if held is not self and copy_history(held._git, self._git, commit, known=self._local()):
                self._reader.learn(held._reader)
            self._ask("update-ref", self._reference, commit)

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

        A file that cannot be read is replaced as in `deployment_files`.
        """
        named = self.entries(commit, prefix)
        contents = self._blobs(list(named.values()), stand_in=True)
        found = zip(named, contents, strict=True)
        return {path: content for path, content in found if content is not None}

    def entries(self, commit: str, prefix: str = "") -> Mapping[str, str]:
        """Return the blob id of every file below the folder `prefix`, by path.

        A link or a submodule has a name instead that only `files` and `deployment_files` know.
        """
        # With the slash, `envs/` does not match a file `envs`.
        spec = ["--", prefix.rstrip("/") + "/"] if prefix else []
        listed = self._ask("ls-tree", "-r", "-z", "--full-tree", commit, *spec)
        named = {}
        for entry in filter(None, listed.split(b"\0")):
            head, _, path = entry.partition(b"\t")
            mode, _, blob = head.decode().split(" ")
            named[path.decode("utf-8", "replace")] = irregular(mode, blob) or blob
        return named

    def history(self, path: str | None = None, *, to: str | None = None) -> Iterator[Commit]:
        """Yield the commits up to `to` that touch `path`, newest first.

        The defaults are the last commit that was fetched, and all paths.
        """
        spec = ["--", path] if path else []
        # Without `--full-history` git leaves out commits of a merged side that another side made
        # void.
        listed = self._ask("rev-list", "--full-history", to or self.head(), *spec).decode().split()
        for start in range(0, len(listed), _BATCH):
            yield from self.commits(listed[start : start + _BATCH])

    def commits(self, ids: Sequence[str]) -> tuple[Commit, ...]:
        """Return those commits, with the paths that each changed."""
        raw = self._raw(ids)
        with self._in_our_copy():
            changed = self._reader.changed(ids)
        return tuple(
            replace(
                parse_commit(each, raw[each], changed[each].paths), strange=changed[each].strange
            )
            for each in ids
        )

    def between(self, start: str | None, end: str) -> tuple[str, ...]:
        """Return the ids of the commits after `start` (all, if None) up to `end`, parents first."""
        return self._listed(start, end, "--topo-order")

    def listed(self, start: str | None, end: str) -> tuple[str, ...]:
        """Return the ids that `history` yields, the oldest first, without those up to `start`."""
        return self._listed(start, end, "--full-history")

    def first_parents(self, start: str | None, end: str) -> tuple[str, ...]:
        """Return what `between` returns, along first parents only: what `main` was, in order."""
        return self._listed(start, end, "--first-parent")

    def _listed(self, start: str | None, end: str, order: str) -> tuple[str, ...]:
        revisions = [end] if start is None else [end, f"^{start}"]
        return tuple(self._ask("rev-list", order, "--reverse", *revisions).decode().split())

    def is_at(self, commit: str) -> bool:
        """Whether our copy of `main` is at this commit."""
        return self._local() == commit

    def last_change(self, commit: str, *paths: str) -> str:
        """Return the newest commit up to `commit` that touches one of `paths`; empty if none."""
        return self._ask("rev-list", "-1", "--full-history", commit, "--", *paths).decode().strip()

    def differing(self, one: str, other: str) -> tuple[str, ...]:
        """Return the paths that differ between both commits."""
        listed = self._ask("diff-tree", "-r", "-z", "--no-renames", "--name-only", one, other)
        return tuple(filter(None, listed.decode("utf-8", "replace").split("\0")))

    def merge_bases(self, one: str, other: str) -> tuple[str, ...]:
        """Return the newest commits that both lines have; none if they have nothing in common."""
        with self._in_our_copy():
            return merge_bases(self._git, one, other)

    def contains(self, ancestor: str, commit: str) -> bool:
        """Whether `ancestor` is `commit` or in its history."""
        return is_ancestor(self._git, ancestor, commit)

    def commit(
        self,
        parent: str | None,
        files: Mapping[str, bytes | None],
        message: str,
        author: str,
        *,
        key: SshKey,
        now: datetime,
        branch: str = "",
    ) -> str:
        """Write, sign and push one commit on `parent`, and return its id.

        `files` gives each changed path its content, None to delete it. `parent` None makes the
        first commit. Raises `MovedOn`, with nothing changed, if the branch is not at `parent`.
        Another `branch` than its own is moved to the commit, wherever it was.
        """
        wrong = [path for path in files if _PATH.fullmatch(path) is None]
        if wrong:
            raise InvalidInput(f"{wrong[0]!r} cannot be a path in the gitops repository")
        self._git.initialise()
        tree = self._tree(parent, files)
        content = render_commit(tree, (parent,) if parent else (), author, now, message=message)
        # Signed here and not by git, whose configuration could name another key or program.
        signed = insert_signature(content, key.sign(content, "git"))
        with self._in_our_copy():
            made = self._git.run("hash-object", "-t", "commit", "-w", "--stdin", stdin=signed)
        commit = made.decode().strip()
        if branch in ("", self._branch):
            self._push(parent, commit)
        else:
            self._push_branch(commit, branch)
        return commit

    def diff(self, parent: str | None, files: Mapping[str, bytes | None]) -> str:
        """Return what `commit` would change as a unified diff; nothing is pushed."""
        self._git.initialise()
        before = parent or self._git.run("mktree").decode().strip()
        after = self._tree(parent, files)
        changed = self._ask("diff", "--no-color", "--no-renames", before, after)
        return changed.decode("utf-8", "replace")

    def verify(self, commit: str, people: Sequence[Person], moment: datetime | None = None) -> str:
        """Return the name of the one of `people` who signed `commit`.

        `moment` is the time by which the key is judged; the commit's own date, if it is not given.
        Raises `VerificationError` if it is unsigned, tampered with, signed by a key that is not
        listed, or signed outside the key's period of validity.
        """
        content = self._raw([commit])[commit]
        return verify_commit(commit, content, people, moment)

    def raw(self, ids: Sequence[str]) -> Mapping[str, bytes]:
        """Return the bytes of those commit objects. Raises `NotFound`, `InvalidInput`."""
        with self._in_our_copy():
            refuse_large_commits(self._reader, ids)
        return self._raw(ids)

    def objects(self, names: Sequence[str]) -> list[tuple[str, bytes] | None]:
        """Return kind and content of objects by id, in order; None for one that is not there."""
        with self._in_our_copy():
            return self._reader.objects(names)

    def blobs(self, names: Sequence[str]) -> tuple[bytes | None, ...]:
        """Return contents by blob id or `commit:path`, in one call. Raises `InvalidInput`."""
        return self._blobs(names)

    def deployment_files(self, names: Sequence[str]) -> tuple[bytes | None, ...]:
        """Return contents like `blobs`, but let an unreadable file stop only its deployment.

        It is too large, or a link, or a submodule. It is replaced by a text that every reader
        refuses with that reason, different for each file.
        """
        return self._blobs(names, stand_in=True)

    def folders(self, names: Sequence[str]) -> tuple[Mapping[str, bytes], ...]:
        """Return the files in each folder `commit:path` by name, replaced as `deployment_files`."""
        with self._in_our_copy():
            return read_folders(self._reader, names)

    def blob_ids(self, commits: Sequence[str], path: str) -> tuple[str | None, ...]:
        """Return the id of the blob at `path` in each commit; None where there is none."""
        names = "".join(f"{each}:{path}\n" for each in commits).encode()
        lines = self._ask("cat-file", "--batch-check=%(objectname) %(objecttype)", stdin=names)
        answers = [line.split(" ") for line in lines.decode().splitlines()]
        return tuple(line[0] if line[-1] == "blob" else None for line in answers)

    def _tree(self, parent: str | None, files: Mapping[str, bytes | None]) -> str:
        with self._in_our_copy(), on_disk(self.cache):
            return write_tree(self._git, self.cache, parent, files)

    def _push(self, parent: str | None, commit: str) -> None:
        # The lease is the lock between machines: the push fails if the branch is no longer at the
        # parent. An empty one means that the branch must not exist.
        lease = f"--force-with-lease={self._reference}:{parent or ''}"
        with self._locked():
            try:
                target = f"{commit}:{self._reference}"
                self._git.run("push", "--porcelain", lease, self.url, target)
            except GitFailed as error:
                raise self._address.not_pushed(error, self._branch, parent) from error
            # Our own copy moves last, so that it never has a commit that the remote refused.
            self._ask("update-ref", self._reference, commit)

    def _push_branch(self, commit: str, branch: str) -> None:
        try:
            self._git.run("push", "--porcelain", self.url, f"+{commit}:refs/heads/{branch}")
        except GitFailed as error:
            if error.is_refusal:
                raise InvalidInput(
                    f"{self._address} refused the branch {branch}: {self._address.reason(error)}"
                ) from error
            raise self._address.unreachable(error) from error

    def forward(self, commit: str) -> None:
        """Move the branch at the remote forward to a commit of our copy; nothing is ever forced.

        Raises `MovedOn` if the branch is at a commit that this one does not follow, `Protected` if
        the remote refuses it.
        """
        try:
            self._git.run("push", "--porcelain", self.url, f"{commit}:{self._reference}")
        except GitFailed as error:
            raise self._address.not_forwarded(error, self._branch, commit) from error

    def _local(self) -> str | None:
        self._git.initialise()
        head = self._ask("for-each-ref", "--format=%(objectname)", self._reference).decode().strip()
        return head or None

    def _raw(self, ids: Sequence[str]) -> dict[str, bytes]:
        result = {}
        for commit, entry in zip(ids, self.objects(ids), strict=True):
            if entry is None or entry[0] != "commit":
                raise NotFound(f"{commit[:12]} is not a commit of the gitops repository")
            result[commit] = entry[1]
        return result

    def _blobs(self, names: Sequence[str], *, stand_in: bool = False) -> tuple[bytes | None, ...]:
        with self._in_our_copy():
            return read_blobs(self._reader, names, stand_in=stand_in)

    def _ask(self, *arguments: str, stdin: bytes = b"") -> bytes:
        with self._in_our_copy():
            return self._git.run(*arguments, stdin=stdin)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Let one process at a time move the reference in the cache."""
        self._git.initialise()
        with ExitStack() as stack:
            with on_disk(self.cache):
                stack.enter_context(locked(self.cache / "goldenpath.lock"))
                # Only who holds our lock moves references here: git was killed in the middle of it.
                for name in (f"{self._reference}.lock", "packed-refs.lock"):
                    (self.cache / name).unlink(missing_ok=True)
            yield

    @contextmanager
    def _in_our_copy(self) -> Iterator[None]:
        try:
            yield
        except GitFailed as error:
            raise unusable_copy(error, self.cache) from error
