"""A process that promotes releases one after the other: python -m ….promoting FOLDER DIGEST..."""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from goldenpath.digest import Digest
from goldenpath.home import Home
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.promote.repository.identity import Identity
from goldenpath.promote.repository.worktree import Repository
from goldenpath.promote.workspace.stage_changes import promote
from goldenpath.promote.workspace.workspace import Workspace
from goldenpath.release.attest.signatures.sshsig import SshKey


def main(folder: Path, digests: list[str]) -> None:
    """Promote each release to dev and print the commits."""
    home = Home(folder / "home")
    desk = Workspace(
        Repository(str(home.gitops), home.gitops_cache, {"PATH": os.environ["PATH"]}),
        home.trust,
        lambda: LayoutStore(home.registry),
        Identity("platform-engineer", SshKey.load(folder / "platform-engineer")),
        lambda: datetime.now(UTC),
    )
    for digest in digests:
        print(promote(desk, Digest(digest), "dev").commit, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
