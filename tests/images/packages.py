"""Debian packages made by hand, and a base image whose Python is that of this machine."""

import io
import lzma
import sys
import tarfile
from collections.abc import Mapping

from goldenpath.digest import Digest
from goldenpath.images.debian.debian_pins import BasePins, DebianPin

AUTHORITY = {"usr/share/ca-certificates/mozilla/A.crt": b"-----BEGIN CERTIFICATE-----\n"}
_LOADER = f"""#!/bin/sh
unset PYTHONHOME
shift 3
exec {sys.executable} "$@"
"""
PYTHON: Mapping[str, bytes] = {
    "lib64/ld-linux-x86-64.so.2": _LOADER.encode(),
    "usr/bin/python3.11": b"",
    "usr/share/doc/python3.11/copyright": b"PSF",
    "usr/share/man/man1/python.1": b"left out",
}


def deb(
    name: str,
    files: Mapping[str, bytes],
    *,
    version: str = "1.0-1",
    links: Mapping[str, str] | None = None,
    mode: int = 0o4755,
) -> bytes:
    """Return a package file."""
    control = f"Package: {name}\nVersion: {version}\nArchitecture: amd64\nSource: {name}-src\n"
    members = {
        "debian-binary": b"2.0\n",
        "control.tar.xz": lzma.compress(_tar({"control": control.encode()}, {}, 0o644)),
        "data.tar.xz": lzma.compress(_tar(files, links or {}, mode)),
    }
    return b"!<arch>\n" + b"".join(_member(each, content) for each, content in members.items())


def _tar(files: Mapping[str, bytes], links: Mapping[str, str], mode: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for path, content in files.items():
            entry = tarfile.TarInfo(f"./{path}")
            entry.size, entry.mode, entry.uid, entry.mtime = len(content), mode, 1000, 77
            archive.addfile(entry, io.BytesIO(content))
        for path, target in links.items():
            entry = tarfile.TarInfo(f"./{path}")
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            archive.addfile(entry)
    return buffer.getvalue()


def _member(name: str, content: bytes) -> bytes:
    head = f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n".encode()
    return head + content + b"\n" * (len(content) % 2)


def pin_of(name: str, content: bytes, version: str = "1.0-1") -> DebianPin:
    """Return the pin of a package file."""
    return DebianPin(name, version, "amd64", Digest.of(content).hex)


def base() -> tuple[BasePins, Mapping[str, bytes]]:
    """Return the pins of a small base, and its package files by digest."""
    packages = {"python3.11-minimal": deb("python3.11-minimal", PYTHON),
                "ca-certificates": deb("ca-certificates", AUTHORITY)}  # fmt: skip
    pins = tuple(pin_of(name, content) for name, content in packages.items())
    return BasePins(1, "debian-12", pins), {
        Digest.of(content).hex: content for content in packages.values()
    }
