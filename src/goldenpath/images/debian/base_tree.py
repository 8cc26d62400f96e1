"""The files of a base image from Debian packages: what a Python program needs, and no shell.

The scripts of packages are not run. What they would do and a program needs is done here: the merged
`/usr`, the bundle of certificate authorities, one user without rights.
"""

from collections.abc import Iterable, Mapping

from goldenpath.errors import VerificationError
from goldenpath.images.debian.debian_package import DebianPackage
from goldenpath.images.file_tree import FileTree, TreeFile, folder, merged, moved, without

USER = 65532
"""The user and group that images run as, unless the container says otherwise."""
STATUS = "var/lib/dpkg/status.d"
"""Where scanners look for the packages of an image without dpkg."""
AUTHORITIES = "etc/ssl/certs/ca-certificates.crt"
_SINGLE = "usr/share/ca-certificates/"
_MERGED = ("bin", "sbin", "lib", "lib64")
_LEFT_OUT = (
    "usr/share/man/*", "usr/share/lintian/*", "usr/share/locale/*", "usr/share/applications/*",
    "usr/share/pixmaps/*", "usr/share/binfmts/*", "usr/share/python3/*", "usr/share/base-files/*",
    "usr/share/dict*", "usr/share/info*", "usr/share/misc*", "usr/share/common-licenses/GFDL*",
    "usr/lib/*/gconv/*", "usr/lib/*/audit/*", "usr/sbin/*", "usr/lib/*/perl-base*", "usr/bin/[!p]*",
    "usr/lib/python3*/lib2to3/*", "usr/lib/python3*/pydoc_data/*", "usr/lib/python3*/test/*",
    "usr/lib/python3*/idlelib/*", "usr/lib/python3*/turtledemo/*",
    "usr/lib/python3*/lib-dynload/_curses*", "usr/lib/python3*/lib-dynload/_dbm*",
    "usr/lib/python3*/lib-dynload/readline*", "usr/lib/python3*/lib-dynload/nis*",
    "usr/lib/python3*/lib-dynload/_crypt*", "etc/update-motd.d/*", "etc/skel/*", "etc/profile.d*",
    "etc/issue*", "etc/motd", "etc/dpkg/*", "root/*", "home/*",
    "etc/host.conf", "usr/src*", "usr/games*", "usr/local/*", "var/local", "var/backups",
)  # fmt: skip
"""Paths that no program of an image reads. Copyright files stay."""


def base_tree(packages: Mapping[str, DebianPackage]) -> dict[str, TreeFile]:
    """Return the files of the base image. Raises `VerificationError` if packages contradict."""
    trees: list[FileTree] = [with_merged_usr(package.files) for package in packages.values()]
    tree = without(merged(trees), _LEFT_OUT)
    tree = {path: file for path, file in tree.items() if not file.is_folder}
    tree |= {name: TreeFile(0o777, target=f"usr/{name}") for name in _MERGED}
    tree[AUTHORITIES] = TreeFile(0o644, _authorities(tree))
    tree |= {
        f"{STATUS}/{name}": TreeFile(0o644, package.control.encode())
        for name, package in packages.items()
    }
    return {**tree, **_FRAME}


_FRAME: Mapping[str, TreeFile] = {
    "etc/passwd": TreeFile(
        0o644,
        b"root:x:0:0:root:/:/sbin/nologin\n"
        b"nonroot:x:65532:65532:nonroot:/var/lib/goldenpath:/sbin/nologin\n",
    ),
    "etc/group": TreeFile(0o644, b"root:x:0:\nnonroot:x:65532:\n"),
    "etc/nsswitch.conf": TreeFile(0o644, b"passwd: files\ngroup: files\nhosts: files dns\n"),
    "tmp": folder(0o1777),
    "run": folder(),
    "proc": folder(),
    "sys": folder(),
    "dev": folder(),
    "mnt/models": folder(),
    # Group 0, because platforms that choose the user of a container leave that group to it.
    "var/lib/goldenpath": folder(0o770, USER, 0),
}


def with_merged_usr(files: FileTree) -> FileTree:
    """Return the files of a package where programs look for them: below `usr`."""
    tree: FileTree = files
    for name in _MERGED:
        tree = moved(tree, name, f"usr/{name}")
    return {path: file for path, file in tree.items() if path not in _MERGED}


def _authorities(tree: FileTree) -> bytes:
    """Return the bundle that `update-ca-certificates` would write."""
    parts = [
        file.content
        for path, file in sorted(tree.items())
        if path.startswith(_SINGLE) and path.endswith(".crt")
    ]
    if not parts:
        raise VerificationError(
            "no package brings certificate authorities: expected ca-certificates"
        )
    return b"".join(_line(part) for part in parts if isinstance(part, bytes))


def _line(certificate: bytes) -> bytes:
    return certificate.rstrip() + b"\n"


def packages_of(packages: Iterable[DebianPackage]) -> dict[str, DebianPackage]:
    """Return the packages by the name in their control files."""
    return {package.field("Package"): package for package in packages}
