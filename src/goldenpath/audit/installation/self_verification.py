"""The answer of `goldenpath verify-self`: which installed files hold, and what is not known."""

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
"""What an installer adds beside a wheel's own files; Python imports none of it."""


@dataclass(frozen=True, slots=True)
class FileFault:
    """One installed file that is not as released."""

    path: str
    kind: Literal["changed", "missing", "added"]
    expected: str = ""
    got: str = ""


@dataclass(frozen=True, slots=True)
class SelfVerification:
    """What was compared with what, and what nobody looked at."""

    version: str
    root: str
    basis: str
    """The list that the files were held against."""
    verified: int
    """How many files have the digest of that list, or are bytecode of such a file."""
    faults: tuple[FileFault, ...]
    unknown: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether no file was changed, taken away or added."""
        return not self.faults


def verify_installation(
    installation: Installation,
    released: ReleasedFiles | None,
    signer: str,
    *,
    bytecode_folder: str | None = None,
) -> SelfVerification:
    """Holds every installed file against the signed list, or without one against RECORD.

    `bytecode_folder` is where Python keeps bytecode if not beside its source.
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
    agreeing, foreign, odd = _compare_caches(installation, caches, set(expected) - wrong)
    faults += odd
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
    """How many caches are code of their source, how many another Python made, and the others."""
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
    """The commands that an installer made, which stand in RECORD and in no wheel."""
    return {path: digest for path, digest in listed.items() if _is_outside(path)}


def _is_outside(path: str) -> bool:
    return path.startswith("../")


def _unknown(is_signed: bool) -> Iterable[str]:
    if not is_signed:
        yield "who made these files: RECORD is changed as easily as they are; give --statement"
    yield "the command in the folder of programs: the installer made it, and RECORD alone lists it"
    yield "the interpreter, its library and every other package: not looked at"
    yield f"whether this answer is honest: it comes from the {PACKAGE} that it is about"


def _unseen(foreign: int, folder: str | None) -> Iterable[str]:
    if foreign:
        yield f"{foreign} caches of bytecode that another version of Python made, and only it runs"
    if folder:
        yield f"the bytecode in {folder}: not looked at"


def _text(digest: Digest | None) -> str:
    return "" if digest is None else digest.text
