"""Reads a Debian package: an `ar` archive with the control file and the files in compressed tars.

Only what a package says about itself and its files is used. Its scripts are never run, so the base
image does for itself the little that they would do.
"""

import io
import lzma
import tarfile
import zlib
from dataclasses import dataclass

from goldenpath.errors import VerificationError
from goldenpath.images.file_tree import MAX_FILE, TreeFile, check_tree_path

MAX_UNPACKED = 256 * 1024 * 1024
"""Bytes of the largest package once it is unpacked."""
_MAGIC = b"!<arch>\n"
_HEAD = 60


@dataclass(frozen=True, slots=True)
class DebianPackage:
    """What one package holds."""

    control: str
    """Its control file, as dpkg would keep it."""
    files: dict[str, TreeFile]

    def field(self, name: str) -> str:
        """Return a field of the control file; empty if it has none."""
        for line in self.control.splitlines():
            key, colon, value = line.partition(": ")
            if colon and key == name:
                return value.strip()
        return ""


def read_package(content: bytes, name: str) -> DebianPackage:
    """Read the package file `name`. Raises `VerificationError` if it is not one."""
    members = _members(content, name)
    control = _files(_tar(members, "control.tar", name), name).get("control")
    if control is None or not isinstance(control.content, bytes):
        raise VerificationError(f"{name} has no control file")
    files = _files(_tar(members, "data.tar", name), name)
    return DebianPackage(control.content.decode("utf-8", "replace").strip() + "\n", files)


def _members(content: bytes, name: str) -> dict[str, bytes]:
    if not content.startswith(_MAGIC):
        raise VerificationError(f"{name} is no Debian package: it does not begin like one")
    members: dict[str, bytes] = {}
    place = len(_MAGIC)
    while place + _HEAD <= len(content):
        head = content[place : place + _HEAD]
        size = head[48:58].strip()
        if head[58:] != b"`\n" or not size.isdigit():
            raise VerificationError(f"{name} is a damaged Debian package")
        place += _HEAD
        member = content[place : place + int(size)]
        if len(member) != int(size):
            raise VerificationError(f"{name} is a damaged Debian package: it ends too early")
        members[head[:16].decode("ascii", "replace").strip().rstrip("/")] = member
        place += int(size) + int(size) % 2
    return members


def _tar(members: dict[str, bytes], stem: str, name: str) -> bytes:
    if f"{stem}.xz" in members:
        return _unpacked(lzma.LZMADecompressor(), members[f"{stem}.xz"], name)
    if f"{stem}.gz" in members:
        return _unpacked(zlib.decompressobj(31), members[f"{stem}.gz"], name)
    if stem in members:
        return members[stem]
    raise VerificationError(f"{name} has no {stem} in a form that is known: expected xz or gz")


def _unpacked(
    decompressor: "lzma.LZMADecompressor | zlib._Decompress", data: bytes, name: str
) -> bytes:
    try:
        content = decompressor.decompress(data, MAX_UNPACKED + 1)
    except (lzma.LZMAError, zlib.error) as error:
        raise VerificationError(f"{name} is a damaged Debian package: {error}") from error
    if len(content) > MAX_UNPACKED or not decompressor.eof:
        raise VerificationError(
            f"{name} unpacks to more than {MAX_UNPACKED} bytes, or is cut short"
        )
    return content


def _files(tar: bytes, name: str) -> dict[str, TreeFile]:
    files: dict[str, TreeFile] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(tar), mode="r:") as archive:
            for entry in archive:
                path = entry.name.removeprefix("./").strip("/")
                if not path or path == ".":
                    continue
                check_tree_path(path)
                files[path] = _file(archive, entry, files, name)
    except tarfile.TarError as error:
        raise VerificationError(f"{name} is a damaged Debian package: {error}") from error
    return files


def _file(
    archive: tarfile.TarFile, entry: tarfile.TarInfo, before: dict[str, TreeFile], name: str
) -> TreeFile:
    mode = entry.mode & 0o777  # no program of an image runs as somebody else
    if entry.isdir():
        return TreeFile(mode, is_folder=True)
    if entry.issym():
        return TreeFile(0o777, target=entry.linkname)
    if entry.islnk():
        linked = before.get(entry.linkname.removeprefix("./"))
        if linked is None:
            raise VerificationError(f"{name} links to a file that it has not brought")
        return linked
    if entry.isreg() and entry.size <= MAX_FILE:
        opened = archive.extractfile(entry)
        assert opened is not None  # noqa: S101 - a regular file can be read
        return TreeFile(mode, opened.read())
    raise VerificationError(f"{name} has a device or another special file: {entry.name[:200]!r}")
