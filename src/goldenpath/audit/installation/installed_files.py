"""The files of the installed distribution: those on disk, and those in its RECORD."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from goldenpath.audit.installation.wheel_record import MAX_RECORD, RecordedFile, parse_record
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, NotFound

PACKAGE = "goldenpath"


@dataclass(frozen=True, slots=True)
class Installation:
    """The place of an installed distribution, and the content of its RECORD."""

    version: str
    root: Path
    """The `site-packages` folder that all paths are relative to."""
    information: str
    """Name of the `.dist-info` folder with the RECORD."""
    record: tuple[RecordedFile, ...]


def find_installation(running: Path) -> Installation:
    """Return the installation of the package that runs from the folder `running`.

    Raises `NotFound` if its files have no RECORD: a work tree or an editable install.
    """
    try:
        installed = distribution(PACKAGE)
    except PackageNotFoundError as error:
        raise NotFound(
            f"{PACKAGE} runs from {running} and is not installed",
            hint="install the wheel; a work tree has no record of its files",
        ) from error
    return read_installation(installed, running)


def read_installation(installed: Distribution, running: Path) -> Installation:
    """Return the installation of a distribution. Raises `NotFound` or `InvalidInput`."""
    root = Path(str(installed.locate_file("")))
    information = f"{PACKAGE}-{installed.version}.dist-info"
    file = root / information / "RECORD"
    try:
        with file.open("rb") as opened:
            content = opened.read(MAX_RECORD + 1)
    except FileNotFoundError as error:
        raise NotFound(f"{file} does not exist", hint="install the wheel again") from error
    if len(content) > MAX_RECORD:
        raise InvalidInput(f"{file} is too large: expected at most {MAX_RECORD} bytes")
    try:
        record = parse_record(content.decode())
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{file} is not UTF-8") from error
    if (root / PACKAGE).resolve() != running.resolve():
        raise NotFound(
            f"{PACKAGE} runs from {running}: RECORD is about {root / PACKAGE}",
            hint="install the wheel; an editable install has no record of its files",
        )
    return Installation(installed.version, root, information, record)


def files_on_disk(installation: Installation) -> Iterator[str]:
    """Return every file in the folders of the package, relative to the root.

    A symbolic link counts as a file.
    """
    for top in (PACKAGE, installation.information):
        for folder, below, names in os.walk(installation.root / top):
            links = [name for name in below if (Path(folder) / name).is_symlink()]
            for name in (*names, *links):
                yield (Path(folder) / name).relative_to(installation.root).as_posix()


def digest_of(path: Path) -> Digest | None:
    """Return the digest of a regular file. None for a link, a folder or a missing file."""
    if path.is_symlink() or not path.is_file():
        return None
    with path.open("rb") as file:
        return Digest.of_chunks(iter(lambda: file.read(1 << 20), b""))
