"""Packages of the operating system of the machine that built, as dpkg lists them.

A training can load them beside the locked Python packages. They are not part of the artifact, and
the bill of materials states that.
"""

from dataclasses import dataclass
from pathlib import Path

_STATUS = Path("/var/lib/dpkg/status")
_RELEASE = Path("/etc/os-release")


@dataclass(frozen=True, slots=True)
class SystemPackage:
    """One installed package."""

    name: str
    version: str
    architecture: str
    source: str
    """Name of the source package, under which distributions file vulnerabilities."""
    distribution: str
    """`debian-12`: identifier and version of the system."""


def installed_packages(
    status: Path = _STATUS, release: Path = _RELEASE
) -> tuple[SystemPackage, ...]:
    """Return every installed package, by name; none on a system without dpkg."""
    if not status.is_file() or not release.is_file():
        return ()
    fields = dict(
        line.split("=", 1) for line in release.read_text().splitlines() if line.count("=") == 1
    )
    identifier = fields.get("ID", "linux").strip('"')
    version = fields.get("VERSION_ID", "").strip('"')
    return parse_status(status.read_text(errors="replace"), f"{identifier}-{version}".rstrip("-"))


def parse_status(text: str, distribution: str) -> tuple[SystemPackage, ...]:
    """Return the installed packages in dpkg's status file, by name."""
    packages = []
    for paragraph in text.split("\n\n"):
        fields = _fields(paragraph)
        if fields.get("Status") != "install ok installed" or "Version" not in fields:
            continue
        name = fields.get("Package", "")
        source = fields.get("Source", name).split(" ", 1)[0]
        architecture = fields.get("Architecture", "")
        packages.append(SystemPackage(name, fields["Version"], architecture, source, distribution))
    return tuple(sorted(packages, key=lambda package: (package.name, package.architecture)))


def _fields(paragraph: str) -> dict[str, str]:
    fields = {}
    for line in paragraph.splitlines():
        name, colon, value = line.partition(": ")
        if colon and not line.startswith(" "):
            fields[name] = value
    return fields
