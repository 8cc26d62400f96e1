"""Parts of a release by its signed bills of materials (CycloneDX), and what a question matches.

A part matches by its digest, by its package URL or by name and version. Nothing is guessed: a part
without a version may be the one that is meant, and the answer says "may".
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote

from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.release.attest.policy import SignedStatement
from goldenpath.release.attest.statement import SBOM, text_member
from goldenpath.release.evidence.advisories import Advisories, normal_name
from goldenpath.train.training_run import Package

_PURL = re.compile(r"pkg:/*([A-Za-z][A-Za-z0-9.+-]*)/([^@?#]+)(?:@([^?#]*))?(?:\?([^#]*))?(?:#.*)?")
_NUMBERS = re.compile(r"v?\d{1,9}(\.\d{1,9}){0,9}")
_NAMED = re.compile(r"([A-Za-z0-9][A-Za-z0-9._+-]*)(?:==(\S+))?")
MOST_DEPTH = 16
"""Levels of parts inside parts that are read."""


@dataclass(frozen=True, slots=True)
class PackageUrl:
    """A package URL in parts, decoded. An empty version means that it names none."""

    kind: str
    name: str
    """With its namespace, such as `debian/openssl`."""
    version: str = ""
    qualifiers: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class BillPart:
    """One part that a bill of materials lists."""

    name: str
    version: str
    purl: str
    digests: tuple[str, ...]
    """SHA-256 of the part, in hex."""
    allowed: tuple[str, ...] = ()
    """SHA-256 of the files of which one is installed, by the lock."""

    @property
    def text(self) -> str:
        """The part in one word."""
        return self.purl or " ".join(filter(None, (self.name, self.version)))


@dataclass(frozen=True, slots=True)
class PartQuery:
    """What is looked for: a digest, a package with or without version, or an advisory."""

    text: str
    kind: Literal["digest", "package", "advisory"]
    name: str = ""
    version: str = ""
    purl: PackageUrl | None = None
    advisories: Advisories | None = None
    named: frozenset[str] = frozenset()
    """The identifiers of the advisory in that folder."""


Match = Literal["", "contains", "may contain"]


def parse_query(text: str) -> PartQuery:
    """Return what is looked for, other than an advisory. Raises `InvalidInput`."""
    if text.startswith("sha256:"):
        return PartQuery(text, "digest", name=Digest(text).hex)
    if text.startswith("pkg:"):
        purl = parse_purl(text)
        if purl is None:
            raise InvalidInput(f"{text!r} is not a package URL: expected pkg:TYPE/NAME@VERSION")
        return PartQuery(text, "package", purl.name, purl.version, purl)
    match = _NAMED.fullmatch(text)
    if match is None:
        raise InvalidInput(
            f"{text!r} is no digest, advisory or package",
            hint="write sha256:…, CVE-2026-1234, pkg:pypi/NAME@VERSION, NAME or NAME==VERSION",
        )
    return PartQuery(text, "package", match[1], match[2] or "")


def parse_purl(text: str) -> PackageUrl | None:
    """Return a package URL in parts; None if it is none."""
    match = _PURL.fullmatch(text)
    if match is None:
        return None
    kind, name = match[1].lower(), unquote(match[2]).strip("/")
    pairs = (each.partition("=") for each in (match[4] or "").split("&") if each)
    qualifiers = {key.lower(): unquote(value) for key, _, value in pairs}
    return PackageUrl(kind, _normal(kind, name), unquote(match[3] or ""), qualifiers)


def bill_parts(bill: Mapping[str, JsonValue]) -> tuple[BillPart, ...]:
    """Return every part that a bill lists, and the parts inside them. Raises `InvalidInput`."""
    listed = bill.get("components")
    if not isinstance(listed, list):
        raise InvalidInput("the bill of materials has no list of components")
    metadata = bill.get("metadata")
    own = metadata.get("component") if isinstance(metadata, dict) else None
    return tuple(_parts([*listed, *([] if own is None else [own])], MOST_DEPTH))


@dataclass(frozen=True, slots=True)
class BillOfMaterials:
    """Every part of a release, by name, from each bill that a key signed that counts."""

    digest: str
    parts: tuple[BillPart, ...]
    unknown: tuple[str, ...]
    """Why a part may be absent here; empty if all that was signed was read."""


def bill_of(release: Digest, counted: Sequence[SignedStatement]) -> BillOfMaterials:
    """Return the parts of a release. A later bill cannot hide what an earlier one lists."""
    bills = [each for each in counted if each.statement.predicate_type == SBOM]
    parts = {part for signed in bills for part in bill_parts(signed.statement.predicate)}
    none = "no bill of materials is signed by a key that counts"
    order = sorted(parts, key=lambda part: (part.name.lower(), part.version, part.purl))
    return BillOfMaterials(release.text, tuple(order), () if bills else (none,))


def match_of(part: BillPart, query: PartQuery) -> Match:
    """Return whether the part is what is looked for."""
    if query.kind == "digest":
        if query.name in part.digests:
            return "contains"
        return "may contain" if query.name in part.allowed else ""
    if query.kind == "advisory":
        return _advised(part, query)
    own = parse_purl(part.purl) if part.purl else None
    if not _same_name(part, own, query):
        return ""
    is_certain = query.purl is None or own is not None
    # Both count if they disagree: one of them is the version.
    versions = {part.version, own.version if own is not None else ""} - {""}
    if not query.version:
        return "contains" if is_certain else "may contain"
    if not versions:
        return "may contain"
    is_python = own is None or own.kind == "pypi"
    if not any(_same_version(each, query.version, is_python) for each in versions):
        return ""
    return "contains" if is_certain else "may contain"


def _parts(listed: list[JsonValue], depth: int) -> Iterator[BillPart]:
    if depth == 0:
        raise InvalidInput(f"the bill of materials has parts inside parts: at most {MOST_DEPTH}")
    for item in listed:
        if not isinstance(item, dict):
            raise InvalidInput("the bill of materials has a component that is not an object")
        properties = (each for each in _items(item, "properties") if isinstance(each, dict))
        yield BillPart(
            text_member(item, "name"),
            text_member(item, "version"),
            text_member(item, "purl"),
            tuple(
                text_member(each, "content").lower()
                for each in _items(item, "hashes")
                if text_member(each, "alg") == "SHA-256"
            ),
            tuple(
                text_member(each, "value").removeprefix("sha256:").lower()
                for each in properties
                if text_member(each, "name") == "goldenpath:allowed-by-lock"
            ),
        )
        inner = item.get("components")
        if inner is not None:
            if not isinstance(inner, list):
                raise InvalidInput("the bill of materials has parts that are no list")
            yield from _parts(inner, depth - 1)


def _items(item: Mapping[str, JsonValue], key: str) -> list[JsonValue]:
    value = item.get(key)
    return value if isinstance(value, list) else []


def _same_name(part: BillPart, own: PackageUrl | None, query: PartQuery) -> bool:
    if query.purl is None:
        names = {part.name, *(() if own is None else (own.name.rpartition("/")[2],))}
        return normal_name(query.name) in {normal_name(each) for each in names}
    if own is None:
        # Without a package URL nobody knows the ecosystem, so it may be the one that is meant.
        return normal_name(part.name) == normal_name(query.purl.name.rpartition("/")[2])
    wanted = query.purl.qualifiers or {}
    has = own.qualifiers or {}
    is_same = (own.kind, own.name) == (query.purl.kind, query.purl.name)
    return is_same and all(has.get(key) == value for key, value in wanted.items())


def _advised(part: BillPart, query: PartQuery) -> Match:
    own = parse_purl(part.purl) if part.purl else None
    if query.advisories is None or (own is not None and own.kind != "pypi"):
        return ""
    version = (own.version if own is not None else "") or part.version
    package = Package(own.name if own is not None else part.name, version, ())
    for each in query.advisories.about([package]):
        if each.advisory in query.named:
            return "contains" if own is not None and version else "may contain"
    return ""


def _normal(kind: str, name: str) -> str:
    return normal_name(name) if kind == "pypi" else name


def _same_version(one: str, other: str, is_python: bool) -> bool:
    """Whether both name one version; for Python 1.0 and 1.0.0 are the same (PEP 440)."""
    if one == other:
        return True
    numbers = [_NUMBERS.fullmatch(each) is not None for each in (one, other)]
    return is_python and all(numbers) and _release(one) == _release(other)


def _release(version: str) -> list[int]:
    numbers = [int(each) for each in version.removeprefix("v").split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return numbers
