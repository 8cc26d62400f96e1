"""The objects of git that show what a commit holds: the commit, and the way from it to a file.

They go into the bundle as git has them. So whoever holds them can put them into an empty repository
and ask git itself.
"""

import re
from collections.abc import Collection, Mapping, Sequence

from goldenpath.errors import NotFound
from goldenpath.promote.repository.worktree import Repository

MOST_OF_CHAIN = 200
"""The most commits of the chain that go into a bundle: about 35 kB."""


def chain_of_main(line: Sequence[str], followed: Collection[str]) -> tuple[str, tuple[str, ...]]:
    """Return where the chain up to a commit begins, and the commits between both.

    `line` is what `main` was, in order, up to that commit. The chain begins at the first of them,
    else at the earliest near enough that is among `followed`, which witnesses signed, else
    `MOST_OF_CHAIN` commits before.
    """
    begins = max(0, len(line) - 1 - MOST_OF_CHAIN)
    known = (place for place in range(begins, len(line)) if not place or line[place] in followed)
    place = next(known, begins)
    return line[place], tuple(line[place + 1 : -1])


class GitEvidence:
    """Reads objects of one repository, and keeps them as files of a bundle."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self.files: dict[str, bytes] = {}
        """Objects by name, `git/ID.KIND`."""

    def commit(self, commit: str) -> str:
        """Keep a commit, and return the id of its tree."""
        return self._keep("commit", commit)[5:].partition(b"\n")[0].decode()

    def folder(self, commit: str, path: str) -> Mapping[str, str]:
        """Keep the way to a folder, and return the object id of each name in it."""
        names = self._entries(self.commit(commit))
        for name in path.split("/"):
            names = self._entries(_of(names, name, commit))
        return names

    def file(self, commit: str, path: str) -> bytes:
        """Keep the way to a file, and return its content. Raises `NotFound`."""
        folder, _, name = path.rpartition("/")
        names = self.folder(commit, folder) if folder else self._entries(self.commit(commit))
        return self.blob(_of(names, name, commit))

    def blob(self, identity: str) -> bytes:
        """Keep a file by its object id, and return its content."""
        return self._keep("blob", identity)

    def _entries(self, tree: str) -> Mapping[str, str]:
        entry = rb"\d+ ([^\0]+)\0(.{%d})" % (len(tree) // 2)
        listed = re.findall(entry, self._keep("tree", tree), re.DOTALL)
        return {name.decode("utf-8", "replace"): identity.hex() for name, identity in listed}

    def _keep(self, kind: str, identity: str) -> bytes:
        (entry,) = self._repository.objects([identity])
        if entry is None or entry[0] != kind:
            raise NotFound(f"the gitops repository has no {kind} {identity[:12]}")
        self.files[f"git/{identity}.{kind}"] = entry[1]
        return entry[1]


def _of(names: Mapping[str, str], name: str, commit: str) -> str:
    if name not in names:
        raise NotFound(f"commit {commit[:12]} has no {name}")
    return names[name]
