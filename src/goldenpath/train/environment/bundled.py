"""Finds the native libraries and other parts that a wheel bundles beside Python code.

Libraries are found by their file names (`numpy.libs/libgfortran-040039e1.so.5.0.0`). Statically
linked parts leave no file. Only an SBOM inside the wheel names them (PEP 770).
"""

import re
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from importlib.metadata import PackagePath, PathDistribution

from goldenpath.canonical import JsonValue, parse_object
from goldenpath.errors import InvalidInput
from goldenpath.train.training_run import BundledPart

MAX_SBOM = 8 * 1024 * 1024
"""Largest size of an SBOM inside a wheel, in bytes."""
MAX_PARTS = 5_000
"""Largest number of listed parts of one wheel. One more entry counts those that are left out."""
_LIBRARY = re.compile(r"(?P<name>lib[^/]+?)(-[0-9a-f]{8})*\.(so|dylib)(\.(?P<version>\d[\d.]*))?")
_WINDOWS = re.compile(r"(?P<name>[^/]+?)(-[0-9a-f]{8,32})?\.dll", re.IGNORECASE)


def bundled_in(installed: PathDistribution) -> tuple[BundledPart, ...]:
    """Return the native libraries and other parts of an installed wheel, in a fixed order."""
    files = sorted(installed.files or (), key=str)
    parts = [part for file in files for part in _parts_of(installed, file)]
    if len(parts) > MAX_PARTS:
        remainder = f"{len(parts) - MAX_PARTS} more parts"
        parts = [*parts[:MAX_PARTS], BundledPart(remainder, "")]
    return tuple(parts)


def _parts_of(installed: PathDistribution, file: PackagePath) -> Iterator[BundledPart]:
    if file.parts[:1] and file.parts[0].endswith(".dist-info"):
        if file.parts[1:2] == ("sboms",) and file.suffix == ".json":
            yield from _sbom_parts(installed, file)
        return
    # Extension modules (`_core.cpython-311-….so`) belong to the package itself.
    library = _LIBRARY.fullmatch(file.name) or _WINDOWS.fullmatch(file.name)
    if library is None or ".cpython-" in file.name or ".abi3." in file.name:
        return
    version = library.groupdict().get("version") or ""
    yield BundledPart(
        library["name"].rstrip("-_"), version, path=file.as_posix(), digest=_digest(file)
    )


def _digest(file: PackagePath) -> str:
    """Return the SHA-256 from RECORD, which the installer checked; empty if there is none."""
    if file.hash is None or file.hash.mode != "sha256":
        return ""
    text = file.hash.value
    return "sha256:" + urlsafe_b64decode(text + "=" * (-len(text) % 4)).hex()


def _sbom_parts(installed: PathDistribution, file: PackagePath) -> Iterator[BundledPart]:
    try:
        with open(str(installed.locate_file(file)), "rb") as stream:  # noqa: PTH123
            content = stream.read(MAX_SBOM + 1)
        sbom = parse_object(content if len(content) <= MAX_SBOM else b"", str(file))
    except (OSError, InvalidInput):
        # PEP 770 allows any file in this folder. One that cannot be read is listed as a part.
        yield BundledPart(file.name, "", path=file.as_posix(), digest=_digest(file))
        return
    components = sbom.get("components")
    for component in components if isinstance(components, list) else []:
        if isinstance(component, dict):
            yield BundledPart(
                _text(component.get("name")),
                _text(component.get("version")),
                purl=_plain(component.get("purl")),
            )


def _text(value: JsonValue) -> str:
    return value[:200] if isinstance(value, str) else ""


def _plain(purl: JsonValue) -> str:
    """Return the purl without qualifiers: they name folders of the machine that built the wheel."""
    return re.split("[?#]", _text(purl))[0]
