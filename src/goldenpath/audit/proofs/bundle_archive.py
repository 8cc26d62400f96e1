"""The file of a bundle: a compressed tar with the same bytes for the same content."""

import gzip
from collections.abc import Mapping

from goldenpath.digest import Digest
from goldenpath.release.artifact.archive import END, ArchiveEntry, header, padding

SUMS = "SHA256SUMS"


def with_sums(files: Mapping[str, bytes]) -> Mapping[str, bytes]:
    """Return the files with one more, which lists their digests as `sha256sum` checks them."""
    lines = [f"{Digest.of(files[name]).hex}  {name}\n" for name in sorted(files)]
    return {**files, SUMS: "".join(lines).encode()}


def render_archive(folder: str, files: Mapping[str, bytes]) -> bytes:
    """Return the files below a folder as a tar file, compressed by gzip."""
    parts: list[bytes] = []
    for name in sorted(files):
        content = files[name]
        entry = ArchiveEntry(f"{folder}/{name}", len(content))
        parts += [header(entry), content, padding(len(content))]
    return gzip.compress(b"".join([*parts, END]), mtime=0)
