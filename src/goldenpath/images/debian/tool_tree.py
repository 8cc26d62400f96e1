"""The files of the tools that jobs need beside Python: git, an SSH client, and a shell for both.

Git starts its transports and helpers by a shell, so an image without one cannot fetch. What is kept
is listed, so that a newer package brings no further program.
"""

import fnmatch
from collections.abc import Mapping

from goldenpath.images.debian.base_tree import STATUS, with_merged_usr
from goldenpath.images.debian.debian_package import DebianPackage
from goldenpath.images.file_tree import FileTree, TreeFile, merged

_KEPT = (
    "usr/bin/git", "usr/bin/git-upload-pack", "usr/bin/git-receive-pack", "usr/bin/ssh",
    "usr/bin/dash", "usr/lib/git-core/git", "usr/lib/git-core/git-remote-http",
    "usr/lib/git-core/git-remote-https", "usr/lib/*-linux-gnu/*.so*", "usr/share/doc/*/copyright",
)  # fmt: skip
GIT_KEY = "/var/run/git"
"""Where a job finds the deploy key of the gitops repository and the host keys of its server."""
_SSH = f"""# A server that is not in known_hosts is refused: nobody is here to be asked.
Host *
  BatchMode yes
  StrictHostKeyChecking yes
  IdentitiesOnly yes
  IdentityFile {GIT_KEY}/key
  UserKnownHostsFile {GIT_KEY}/known_hosts
"""


def tool_tree(packages: Mapping[str, DebianPackage]) -> dict[str, TreeFile]:
    """Return the files of the tools. Raises `VerificationError` if packages contradict."""
    trees: list[FileTree] = [with_merged_usr(package.files) for package in packages.values()]
    tree = {
        path: file
        for path, file in merged(trees).items()
        if not file.is_folder and any(fnmatch.fnmatchcase(path, kept) for kept in _KEPT)
    }
    tree["usr/bin/sh"] = TreeFile(0o777, target="dash")
    tree["etc/ssh/ssh_config"] = TreeFile(0o644, _SSH.encode())
    return tree | {
        f"{STATUS}/{name}": TreeFile(0o644, package.control.encode())
        for name, package in packages.items()
    }
