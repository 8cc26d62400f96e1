"""Known vulnerabilities from advisories in the OSV format: offline, by digest.

They are a folder of `*.json`, or the zip file of them that osv.dev exports. Versions are compared
by their numbers. A version with other parts, such as a pre-release, counts as affected if it cannot
be compared with a range.
"""

import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from goldenpath.canonical import JsonValue, parse_object
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.parsers.advisory_severity import severity_of
from goldenpath.train.training_run import Package

MAX_FILES = 500_000
_MAX_SIZE = 4 * 1024 * 1024
_RELEASE = re.compile(r"v?(\d{1,9}(?:\.\d{1,9}){0,9})(?:\.post\d{1,9})?")
_ECOSYSTEM = "PyPI"


@dataclass(frozen=True, slots=True)
class Vulnerability:
    """One advisory that affects one package."""

    advisory: str
    package: str
    version: str


@dataclass(frozen=True, slots=True)
class Advisories:
    """The advisories of a folder about Python packages, by normalised name."""

    digest: str
    """Digest of all files, so that a verdict names the advisories it is based on."""
    count: int
    affected: Mapping[str, tuple[tuple[str, JsonValue], ...]]
    names: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """The advisories that an identifier or an alias such as `CVE-2026-1234` names."""
    scores: Mapping[str, float] = field(default_factory=dict)
    """The base score of each advisory that names a severity."""

    def named(self, text: str) -> frozenset[str]:
        """Return the identifiers of the advisories that `text` names; empty if there is none."""
        return self.names.get(text.upper(), frozenset())

    def about(self, packages: Iterable[Package]) -> Iterator[Vulnerability]:
        """Yield every advisory that affects one of the packages."""
        for package in packages:
            for identity, affected in self.affected.get(normal_name(package.name), ()):
                if _is_affected(package.version, affected):
                    yield Vulnerability(identity, package.name, package.version)


def read_advisories(source: Path) -> Advisories:
    """Read a folder or a zip file.

    Raises `InvalidInput` if it is none, is empty, or a file in it is no advisory.
    """
    digests: list[str] = []
    by_package: dict[str, list[tuple[str, JsonValue]]] = {}
    names: dict[str, frozenset[str]] = {}
    scores: dict[str, float] = {}
    for file, content in _files(source):
        digests.append(Digest.of(content).hex)
        advisory = parse_object(content, file)
        identity, listed = advisory.get("id"), advisory.get("affected", [])
        if not isinstance(identity, str) or not isinstance(listed, list):
            raise InvalidInput(f"{file} is no advisory in the OSV format")
        if "withdrawn" in advisory:
            continue
        aliases = advisory.get("aliases", [])
        for name in (identity, *map(str, aliases if isinstance(aliases, list) else ())):
            names[name.upper()] = names.get(name.upper(), frozenset()) | {identity}
        score = severity_of(advisory)
        if score is not None:
            scores[identity] = max(score, scores.get(identity, 0.0))
        for item in listed:
            package = item.get("package") if isinstance(item, dict) else None
            if not isinstance(package, dict) or package.get("ecosystem") != _ECOSYSTEM:
                continue
            name = normal_name(str(package.get("name")))
            by_package.setdefault(name, []).append((identity, item))
    whole = Digest.of("".join(digests).encode()).text
    affected = {name: tuple(each) for name, each in by_package.items()}
    return Advisories(whole, len(digests), affected, names, scores)


def _files(source: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each advisory, by name."""
    if source.is_file():
        yield from _packed(source)
        return
    files = sorted(source.rglob("*.json")) if source.is_dir() else []
    _require_some(source, len(files))
    for file in files:
        with file.open("rb") as opened:
            yield str(file), _bounded(str(file), opened.read(_MAX_SIZE + 1))


def _packed(source: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with zipfile.ZipFile(source) as archive:
            names = sorted(each for each in archive.namelist() if each.endswith(".json"))
            _require_some(source, len(names))
            for name in names:
                with archive.open(name) as opened:
                    yield f"{source}/{name}", _bounded(name, opened.read(_MAX_SIZE + 1))
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError) as error:
        raise InvalidInput(f"{source} is no zip file of advisories: {error}") from error


def _require_some(source: Path, count: int) -> None:
    if not 0 < count <= MAX_FILES:
        raise InvalidInput(f"{source} holds {count} advisories: expected 1 to {MAX_FILES}")


def _bounded(name: str, content: bytes) -> bytes:
    if len(content) > _MAX_SIZE:
        raise InvalidInput(f"{name} is too large: expected at most {_MAX_SIZE} bytes")
    return content


def _is_affected(version: str, affected: JsonValue) -> bool:
    if not isinstance(affected, dict):
        return False
    versions, ranges = affected.get("versions"), affected.get("ranges")
    if isinstance(versions, list) and version in versions:
        return True
    return any(_is_within(version, each) for each in (ranges if isinstance(ranges, list) else []))


def _is_within(version: str, span: JsonValue) -> bool:
    """Whether the version is in a range. By OSV's rules the last event up to it decides."""
    # A range of type GIT holds commits, which cannot be compared with the version of a package.
    events = span.get("events") if isinstance(span, dict) else None
    if not isinstance(span, dict) or span.get("type") == "GIT" or not isinstance(events, list):
        return False
    own = _numbers(version)
    inside = False
    for event in events:
        for kind, text in event.items() if isinstance(event, dict) else ():
            at = _numbers(str(text))
            if own is None or at is None:
                return True  # cannot be compared, so it is not passed as unaffected
            if kind == "introduced" and own >= at:
                inside = True
            elif (kind == "fixed" and own >= at) or (kind == "last_affected" and own > at):
                inside = False
    return inside


def _numbers(version: str) -> tuple[int, ...] | None:
    match = _RELEASE.fullmatch(version)
    if match is None:
        return None
    numbers = [int(part) for part in match[1].split(".")]
    # 1.0 and 1.0.0 are the same version (PEP 440).
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def normal_name(name: str) -> str:
    """Return the name of a Python package as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()
