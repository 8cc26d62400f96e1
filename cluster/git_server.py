"""Git by SSH with a deploy key, as a forge offers it: what a pod of the cluster clones and pushes.

It is OpenSSH's own server. Its users stand in a file of its own, which it sees in the place of the
machine's in a mount namespace, so that nothing of the machine changes.
"""

from dataclasses import dataclass
from pathlib import Path

from cluster.addresses import answers, free_port
from cluster.daemons import Daemons
from goldenpath.release.attest.signatures.sshsig import SshKey

_USERS = """root:x:0:0::/root:/bin/sh
sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin
git:*:0:0::/:/usr/bin/git-shell
"""
"""The user `git` owns the repositories, and its shell runs the commands of git alone."""


@dataclass(frozen=True, slots=True)
class GitServer:
    """A running server of the repositories of this machine."""

    host: str
    """Address and port."""
    deploy_key: Path
    known_hosts: str

    def address(self, repository: Path) -> str:
        """Return the address of a repository of this machine."""
        return f"ssh://git@{self.host}{repository}"


def start_git_server(daemons: Daemons, folder: Path, *, debian: Path, address: str) -> GitServer:
    """Start it on the address. Needs root."""
    home = folder / "git-server"
    home.mkdir(parents=True)
    port = free_port()
    host_key, deploy_key = (SshKey.generate(home / name) for name in ("host", "deploy"))
    (home / "authorized_keys").write_text(f"restrict {deploy_key.public_line}\n", "utf-8")
    (home / "users").write_text(_USERS, "utf-8")
    (home / "sshd.conf").write_text(
        f"ListenAddress {address}:{port}\nHostKey {home / 'host'}\nPidFile none\n"
        f"AuthorizedKeysFile {home / 'authorized_keys'}\nStrictModes no\nAllowUsers git\n"
        "PermitRootLogin prohibit-password\nPasswordAuthentication no\n"
        "KbdInteractiveAuthentication no\n",
        "utf-8",
    )
    script = home / "start"
    script.write_text(
        f"#!/bin/sh\nset -e\nmount --bind {home / 'users'} /etc/passwd\n"
        "mount -t tmpfs tmpfs /run\nmkdir -m 0755 /run/sshd\n"
        f"exec {debian / 'usr/sbin/sshd'} -D -e -f {home / 'sshd.conf'}\n",
        "utf-8",
    )
    script.chmod(0o700)
    libraries = ":".join(map(str, sorted((debian / "usr/lib").glob("*-linux-gnu"))))
    daemons.start(
        "git-server",
        ["unshare", "--mount", str(script)],
        lambda: answers(port, address),
        {"LD_LIBRARY_PATH": libraries},
    )
    known = f"[{address}]:{port} {host_key.public_line}\n"
    return GitServer(f"{address}:{port}", home / "deploy", known)
