"""The files of an installed distribution as they are on the disk, beside what its RECORD says."""

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
    """Where a distribution is installed, and what its RECORD lists."""

    version: str
    root: Path
    """The folder of packages that all paths start from."""
    information: str
    """Name of the folder with the RECORD."""
    record: tuple[RecordedFile, ...]


def find_installation(running: Path) -> Installation:
    """The installation of the package that runs from the folder `running`.

    Raises `NotFound` if it has no RECORD of its files, as a work tree and an editable install have
    none.
    """
    try:
        found = distribution(PACKAGE)
    except PackageNotFoundError as error:
        raise NotFound(
            f"{PACKAGE} runs from {running} and is not installed",
            hint="install the wheel; a work tree has no record of its files",
        ) from error
    return read_installation(found, running)


def read_installation(found: Distribution, running: Path) -> Installation:
    """The installation that a distribution describes. Raises `NotFound` or `InvalidInput`."""
    root = Path(str(found.locate_file("")))
    information = f"{PACKAGE}-{found.version}.dist-info"
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
            f"{PACKAGE} runs from {running}, and RECORD speaks of {root / PACKAGE}",
            hint="install the wheel; an editable install has no record of its files",
        )
    return Installation(found.version, root, information, record)


def files_on_disk(installation: Installation) -> Iterator[str]:
    """Every file in the folders of the package, as a path from the root; links are files here."""
    for top in (PACKAGE, installation.information):
        for folder, below, names in os.walk(installation.root / top):
            links = [name for name in below if (Path(folder) / name).is_symlink()]
            for name in (*names, *links):
                yield (Path(folder) / name).relative_to(installation.root).as_posix()


def digest_of(path: Path) -> Digest | None:
    """The digest of a regular file; None for a link, a folder or nothing."""
    if path.is_symlink() or not path.is_file():
        return None
    with path.open("rb") as file:
        return Digest.of_chunks(iter(lambda: file.read(1 << 20), b""))
