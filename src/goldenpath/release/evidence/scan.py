"""The security scan of a release as a statement: what was searched for, and what was found.

It also states what was not searched for: without a folder of advisories, vulnerabilities are
"not scanned", which is not the same as none.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, VerificationError
from goldenpath.parsers.typed import typed
from goldenpath.release.attest.policy import Verified
from goldenpath.release.attest.statement import SCAN, Statement
from goldenpath.release.evidence.advisories import Advisories, Vulnerability
from goldenpath.release.evidence.leaks import leaks_in
from goldenpath.release.evidence.pickles import pickles_in
from goldenpath.train.training_run import Package

SECRETS = 16 * 1024 * 1024
"""Bytes of the largest file that is searched for secrets; larger files are weights."""


@dataclass(frozen=True, slots=True)
class Found:
    """Content that a release must not have."""

    kind: str
    """`pickle` or `secret`."""
    file: str
    detail: str


@dataclass(frozen=True, slots=True)
class Licensed:
    """A package and its licence; empty if the package names none."""

    package: str
    licence: str


@dataclass(frozen=True, slots=True)
class Scan:
    """The result; `advisories` is empty if vulnerabilities were not scanned."""

    files: int
    not_searched: tuple[str, ...]
    """Files too large to be searched for secrets."""
    found: tuple[Found, ...]
    licences: tuple[Licensed, ...]
    vulnerabilities: tuple[Vulnerability, ...] = ()
    advisories: str = ""
    """Digest of the advisories."""


def scan(
    files: Mapping[str, Path | bytes],
    packages: Sequence[Package],
    advisories: Advisories | None = None,
) -> Scan:
    """Scan the content of every file, and every package."""
    sizes = {path: _size(content) for path, content in files.items()}
    return Scan(
        files=len(files),
        not_searched=tuple(sorted(path for path, size in sizes.items() if size > SECRETS)),
        found=tuple(one for path in sorted(files) for one in _found(path, files[path])),
        licences=tuple(Licensed(each.name, each.licence) for each in packages),
        vulnerabilities=() if advisories is None else tuple(advisories.about(packages)),
        advisories="" if advisories is None else advisories.digest,
    )


def scan_statement(result: Scan, subjects: Sequence[Digest]) -> Statement:
    """Return the scan as a statement about a release."""
    plain: dict[str, JsonValue] = msgspec.to_builtins(result)
    state = "scanned" if result.advisories else "not scanned"
    return Statement(tuple(subjects), SCAN, {"version": 1, **plain, "vulnerabilityScan": state})


def scan_of(verified: Verified) -> Scan | None:
    """Return the newest valid scan; None if there is none."""
    from goldenpath.release.evidence.training_statements import newest

    signed = newest(verified, SCAN)
    if signed is None:
        return None
    try:
        return typed(dict(signed.statement.predicate), Scan, "its content")
    except InvalidInput as error:
        raise VerificationError(f"statement {SCAN} cannot be read: {error.message}") from error


def faults(result: Scan, refused_licences: Sequence[str]) -> Iterator[str]:
    """Yield the faults of a release, one sentence each."""
    for one in result.found:
        yield f"{one.file} holds a {one.kind}: {one.detail}"
    refused = {each.casefold() for each in refused_licences}
    for licensed in result.licences:
        if set(_names(licensed.licence)) & refused:
            yield f"{licensed.package} is under {licensed.licence}, which is refused"
    for known in result.vulnerabilities:
        yield f"{known.package} {known.version} falls under {known.advisory}"


def _names(expression: str) -> Iterator[str]:
    """Yield every licence in an SPDX expression or a plain name."""
    yield expression.casefold()
    for name in expression.replace("(", " ").replace(")", " ").split():
        yield name.casefold()


def _found(path: str, content: Path | bytes) -> Iterator[Found]:
    for inside in pickles_in(content):
        yield Found("pickle", path, inside or "code that runs when the file is loaded")
    if _size(content) <= SECRETS:
        read = content if isinstance(content, bytes) else content.read_bytes()
        for leak in leaks_in(read):
            yield Found("secret", path, leak)


def _size(content: Path | bytes) -> int:
    return len(content) if isinstance(content, bytes) else content.stat().st_size
