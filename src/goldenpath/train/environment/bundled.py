"""What a wheel brings beside Python: native libraries, and the parts that its own bills name.

Linkers leave libraries under names of their own (`numpy.libs/libgfortran-040039e1.so.5.0.0`), and
compilers leave no files at all: of those only the bill inside the wheel knows (PEP 770).
"""

import re
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from importlib.metadata import PackagePath, PathDistribution

from goldenpath.canonical import JsonValue, parse_object
from goldenpath.errors import InvalidInput
from goldenpath.train.training_run import Bundled

MAX_BILL = 8 * 1024 * 1024
"""Bytes of the largest bill inside a wheel that is read."""
MAX_PARTS = 5_000
"""Parts of one wheel that are listed; a bill with more is cut, and the last part says so."""
_LIBRARY = re.compile(r"(?P<name>lib[^/]+?)(-[0-9a-f]{8})*\.(so|dylib)(\.(?P<version>\d[\d.]*))?")
_WINDOWS = re.compile(r"(?P<name>[^/]+?)(-[0-9a-f]{8,32})?\.dll", re.IGNORECASE)


def bundled_in(installed: PathDistribution) -> tuple[Bundled, ...]:
    """Every native library and every part of an installed wheel, in a fixed order."""
    files = sorted(installed.files or (), key=str)
    found = [each for file in files for each in _found(installed, file)]
    if len(found) > MAX_PARTS:
        left = f"{len(found) - MAX_PARTS} more parts"
        found = [*found[:MAX_PARTS], Bundled(left, "")]
    return tuple(found)


def _found(installed: PathDistribution, file: PackagePath) -> Iterator[Bundled]:
    if file.parts[:1] and file.parts[0].endswith(".dist-info"):
        if file.parts[1:2] == ("sboms",) and file.suffix == ".json":
            yield from _parts(installed, file)
        return
    # Modules of Python (`_core.cpython-311-….so`) are the package itself, no library.
    library = _LIBRARY.fullmatch(file.name) or _WINDOWS.fullmatch(file.name)
    if library is None or ".cpython-" in file.name or ".abi3." in file.name:
        return
    version = library.groupdict().get("version") or ""
    yield Bundled(library["name"].rstrip("-_"), version, path=file.as_posix(), digest=_digest(file))


def _digest(file: PackagePath) -> str:
    """As RECORD says: what the wheel held and the installer checked."""
    if file.hash is None or file.hash.mode != "sha256":
        return ""
    text = file.hash.value
    return "sha256:" + urlsafe_b64decode(text + "=" * (-len(text) % 4)).hex()


def _parts(installed: PathDistribution, file: PackagePath) -> Iterator[Bundled]:
    try:
        with open(str(installed.locate_file(file)), "rb") as opened:  # noqa: PTH123
            content = opened.read(MAX_BILL + 1)
        bill = parse_object(content if len(content) <= MAX_BILL else b"", str(file))
    except (OSError, InvalidInput):
        # Any file may lie there (PEP 770): what is no bill names nothing, and is named itself.
        yield Bundled(file.name, "", path=file.as_posix(), digest=_digest(file))
        return
    components = bill.get("components")
    for each in components if isinstance(components, list) else []:
        if isinstance(each, dict):
            yield Bundled(
                _text(each.get("name")), _text(each.get("version")), purl=_plain(each.get("purl"))
            )


def _text(value: JsonValue) -> str:
    return value[:200] if isinstance(value, str) else ""


def _plain(purl: JsonValue) -> str:
    """Without qualifiers: they name folders of the machine that built the wheel."""
    return re.split("[?#]", _text(purl))[0]
