"""The result of `goldenpath verify-self`: changed installed files, and what was not checked."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from goldenpath.audit.installation import bytecode
from goldenpath.audit.installation.installed_files import (
    PACKAGE,
    Installation,
    digest_of,
    files_on_disk,
)
from goldenpath.audit.installation.release_statement import ReleasedFiles
from goldenpath.digest import Digest
from goldenpath.errors import VerificationError

INSTALLER = frozenset(
    {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json"}
)
"""Files that an installer adds to those of the wheel. Python imports none of them."""


@dataclass(frozen=True, slots=True)
class FileFault:
    """One installed file that differs from the release."""

    path: str
    kind: Literal["changed", "missing", "added"]
    expected: str = ""
    got: str = ""


@dataclass(frozen=True, slots=True)
class SelfVerification:
    """The faults that were found, and what was not checked."""

    version: str
    root: str
    basis: str
    """The list that the files were compared with."""
    verified: int
    """The number of files that match that list, with the bytecode of such files."""
    faults: tuple[FileFault, ...]
    unknown: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether no file is changed, missing or added."""
        return not self.faults


def verify_installation(
    installation: Installation,
    released: ReleasedFiles | None,
    signer: str,
    *,
    bytecode_folder: str | None = None,
) -> SelfVerification:
    """Compare every installed file with the signed list, or with RECORD if there is none.

    `bytecode_folder` is the folder of bytecode if Python does not keep it beside the source.
    Raises `VerificationError` if the statement is about another version.
    """
    if released is not None and released.version != installation.version:
        raise VerificationError(
            f"the statement is of version {released.version}: "
            f"expected {installation.version}, which is installed"
        )
    recorded = {each.path: each.digest for each in installation.record}
    listed = {path: digest for path, digest in recorded.items() if digest is not None}
    expected = listed if released is None else {**_outside(listed), **released.files}
    present = set(files_on_disk(installation)) | {each for each in expected if _is_outside(each)}
    caches = {path for path in present if bytecode.is_cache(path)}
    made = {f"{installation.information}/{name}" for name in INSTALLER}
    faults = [*_differing(installation, expected)]
    wrong = {fault.path for fault in faults}
    faults += [
        FileFault(path, "added", got=_text(digest_of(installation.root / path)))
        for path in sorted(present - set(expected) - caches - made)
    ]
    agreeing, foreign, differing = _compare_caches(installation, caches, set(expected) - wrong)
    faults += differing
    return SelfVerification(
        version=installation.version,
        root=str(installation.root),
        basis=f"a statement signed by {signer}" if released else "RECORD, which nobody signed",
        verified=len(expected) - len(wrong) + agreeing,
        faults=tuple(faults),
        unknown=(*_unknown(released is not None), *_unseen(foreign, bytecode_folder)),
    )


def _differing(installation: Installation, expected: Mapping[str, Digest]) -> Iterable[FileFault]:
    for path, digest in sorted(expected.items()):
        file = installation.root / path
        got = digest_of(file)
        if got == digest:
            continue
        is_there = file.is_symlink() or file.exists()
        yield FileFault(path, "changed" if is_there else "missing", digest.text, _text(got))


def _compare_caches(
    installation: Installation, caches: Iterable[str], sources: set[str]
) -> tuple[int, int, list[FileFault]]:
    """Return the numbers of matching and of foreign caches, and the faults of the others.

    A foreign cache was compiled by another version of Python.
    """
    agreeing, foreign, faults = 0, 0, []
    for path in sorted(caches):
        file, source = installation.root / path, bytecode.source_of(path)
        if source not in sources or digest_of(file) is None:
            faults.append(FileFault(path, "added", f"the bytecode of {source}"))
            continue
        match bytecode.agrees(file, installation.root / source):
            case True:
                agreeing += 1
            case None:
                foreign += 1
            case False:
                faults.append(FileFault(path, "changed", f"the bytecode of {source}"))
    return agreeing, foreign, faults


def _outside(listed: Mapping[str, Digest]) -> Mapping[str, Digest]:
    """Return the commands that the installer made: RECORD lists them, the wheel does not."""
    return {path: digest for path, digest in listed.items() if _is_outside(path)}


def _is_outside(path: str) -> bool:
    return path.startswith("../")


def _unknown(is_signed: bool) -> Iterable[str]:
    if not is_signed:
        yield "who made these files: RECORD is not signed; give --statement"
    yield "the goldenpath command itself: the installer made it, and only RECORD lists it"
    yield "the interpreter, its library and every other package: not checked"
    yield f"whether this answer is honest: the {PACKAGE} under check gives it"


def _unseen(foreign: int, folder: str | None) -> Iterable[str]:
    if foreign:
        yield f"{foreign} bytecode files of another version of Python: only that version runs them"
    if folder:
        yield f"the bytecode in {folder}: not checked"


def _text(digest: Digest | None) -> str:
    return "" if digest is None else digest.text
