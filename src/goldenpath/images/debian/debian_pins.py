"""The Debian packages of images, each pinned by version and digest.

The pins are data. They name no mirror: the machine's own configuration of apt says where packages
come from, and the digest says whether they are the right ones.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, NotFound
from goldenpath.parsers.toml_parser import MAX_TOML, parse_toml
from goldenpath.parsers.typed import read_bounded, typed
from goldenpath.stored_formats import BASE_PINS

_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+")
_DEBIAN_VERSION = re.compile(r"[0-9][A-Za-z0-9.+:~-]*")
PACKAGED = Path(__file__).with_name("debian-12.toml")
"""The pins that goldenpath was tested with."""


@dataclass(frozen=True, slots=True)
class DebianPin:
    """One package: its name, version, architecture, and the digest of its file."""

    name: str
    version: str
    architecture: str
    sha256: str

    @property
    def digest(self) -> Digest:
        """The digest of the package's file."""
        return Digest("sha256:" + self.sha256)


@dataclass(frozen=True, slots=True)
class BasePins:
    """Everything that a base image is made of, and the tools that some images have beside it."""

    version: int
    distribution: str
    """`debian-12`: identifier and version of the system."""
    package: tuple[DebianPin, ...]
    tool: tuple[DebianPin, ...] = ()
    """git, an SSH client and their libraries, for images that run jobs."""


def read_pins(file: Path) -> BasePins:
    """Read a file of pins. Raises `NotFound`, or `InvalidInput` that names the fault."""
    try:
        content = read_bounded(file, MAX_TOML)
    except FileNotFoundError as error:
        raise NotFound(f"the file of pins {file} does not exist") from error
    pins = typed(parse_toml(content, file.name), BasePins, file.name)
    BASE_PINS.require(pins.version, file.name)
    for pin in (*pins.package, *pins.tool):
        if not _NAME.fullmatch(pin.name) or not _DEBIAN_VERSION.fullmatch(pin.version):
            raise InvalidInput(f"{file.name} has a package that is not one: {pin.name[:80]!r}")
        pin.digest  # noqa: B018 - raises for a digest of another form
    return pins


def render_pins(pins: BasePins) -> bytes:
    """Return the file of pins, which reads back to the same value."""
    return "\n".join(_lines(pins)).encode()


def _lines(pins: BasePins) -> Iterator[str]:
    yield "# Debian packages of images. Moved by: goldenpath image pin"
    yield f"version = {pins.version}"
    yield f'distribution = "{pins.distribution}"'
    for table, listed in (("package", pins.package), ("tool", pins.tool)):
        for pin in sorted(listed, key=lambda each: each.name):
            yield ""
            yield f"[[{table}]]"
            yield f'name = "{pin.name}"'
            yield f'version = "{pin.version}"'
            yield f'architecture = "{pin.architecture}"'
            yield f'sha256 = "{pin.sha256}"'
    yield ""


def names_of(pins: BasePins) -> Sequence[str]:
    """Return the names of the packages, which stay when the pins move."""
    return tuple(pin.name for pin in pins.package)
