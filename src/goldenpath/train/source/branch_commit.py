"""A branch with one commit that the platform makes in a project, and its check-out for a build.

Only objects, references and one file are written, and nothing runs that the project configures:
no hook, no filter, no program that signs. The check-out ends as it began. A branch stays only if
what was done with it came to its end.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from goldenpath.errors import InvalidInput
from goldenpath.files import write_whole
from goldenpath.train.source.project_repository import ProjectRepository, project_repository

_HEADS = "refs/heads/"


@dataclass(frozen=True, slots=True)
class BranchChange:
    """One new branch, on which one committed file has another content."""

    branch: str
    file: str
    """Relative to the project."""
    content: bytes
    render: Callable[[str, str], bytes]
    """Returns the bytes of the commit, which may be signed, from its tree and its parent."""


@dataclass(frozen=True, slots=True)
class _FileVersion:
    """One version of the file in git."""

    mode: str
    identity: str
    content: bytes


@contextmanager
def checked_out_branch(
    root: Path, environment: Mapping[str, str], change: BranchChange
) -> Iterator[str]:
    """Make the branch, check it out, and yield its commit; afterwards go back to where HEAD was.

    The project has to be as committed. If the caller fails, the branch is removed again. Raises
    `InvalidInput` if there is such a branch, or if the file is not in the commit.
    """
    with project_repository(root, environment) as repository:
        reference = _HEADS + change.branch
        _refuse_branch(repository, reference, change.branch)
        head = repository.setting("symbolic-ref", "--quiet", "HEAD")
        before = _committed(repository, change.file)
        original = (repository.root / change.file).read_bytes()
        identity = _stored(repository, "blob", change.content)
        after = _FileVersion(before.mode, identity, change.content)
        commit = _commit(repository, change, after)
        # The old value makes git refuse if another process made the branch meanwhile.
        repository.change("update-ref", reference, commit, "0" * len(commit))
        is_kept = False
        try:
            _write(repository, change.file, after)
            repository.change("symbolic-ref", "HEAD", reference)
            yield commit
            is_kept = True
        finally:
            # Its line ends may be others than those of the commit.
            _write(repository, change.file, replace(before, content=original))
            if head:
                repository.change("symbolic-ref", "HEAD", head)
            else:
                repository.change("update-ref", "--no-deref", "HEAD", repository.commit)
            if not is_kept:
                repository.change("update-ref", "-d", reference, commit)


def _refuse_branch(repository: ProjectRepository, reference: str, branch: str) -> None:
    if repository.setting("rev-parse", "--verify", "--quiet", reference):
        raise InvalidInput(
            f"the branch {branch} is there already in {repository.root}",
            hint=f"build what it has: git switch {branch} && goldenpath build; or remove it: "
            f"git branch -D {branch}",
        )


def _committed(repository: ProjectRepository, file: str) -> _FileVersion:
    path = f"{repository.prefix}{file}"
    listed = repository.text("ls-tree", "--full-tree", repository.commit, "--", path)
    if not listed:
        raise InvalidInput(f"the commit of {repository.root} has no {file}")
    mode, _, identity = listed.partition("\t")[0].split()
    return _FileVersion(mode, identity, repository.git("cat-file", "blob", identity))


def _stored(repository: ProjectRepository, kind: str, content: bytes) -> str:
    made = repository.git("hash-object", "-w", "-t", kind, "--stdin", stdin=content)
    return made.decode("ascii").strip()


def _commit(repository: ProjectRepository, change: BranchChange, after: _FileVersion) -> str:
    parts = PurePosixPath(f"{repository.prefix}{change.file}").parts
    tree = _tree(repository, repository.commit, parts, after)
    return _stored(repository, "commit", change.render(tree, repository.commit))


def _tree(
    repository: ProjectRepository, folder: str, parts: tuple[str, ...], after: _FileVersion
) -> str:
    """Store the folder of a commit with one file replaced, and return its name."""
    name, *below = parts
    listing = repository.git("ls-tree", "-z", "--full-tree", folder)
    entries = []
    for entry in filter(None, listing.split(b"\0")):
        head, _, path = entry.partition(b"\t")
        if path == name.encode():
            mode, kind, identity = head.decode("ascii").split()
            if below:
                new = f"{mode} {kind} {_tree(repository, identity, tuple(below), after)}"
            else:
                new = f"{mode} {kind} {after.identity}"
            entry = new.encode("ascii") + b"\t" + path
        entries.append(entry + b"\0")
    return repository.git("mktree", "-z", stdin=b"".join(entries)).decode("ascii").strip()


def _write(repository: ProjectRepository, file: str, version: _FileVersion) -> None:
    """Write the file into the work tree and into the index."""
    path = repository.root / file
    write_whole(path, version.content, path.stat().st_mode & 0o777)
    place = f"{version.mode},{version.identity},{repository.prefix}{file}"
    repository.git("update-index", "--add", "--cacheinfo", place)
