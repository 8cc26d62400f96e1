"""A verified release in a folder: the work of a container that runs before a model server.

It fails closed. Without a trust file nothing is unpacked, unless somebody asked for just that. The
evidence is written last, so a server that verifies never takes a folder that is not complete.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from goldenpath.compose.containers.trust_file import trust_file
from goldenpath.compose.process_context import now
from goldenpath.compose.stores import locate
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, Unavailable, VerificationError
from goldenpath.home import Home
from goldenpath.oci.descriptor import Descriptor
from goldenpath.oci.names import find
from goldenpath.oci.store import Store
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.release.artifact.evidence_copy import copy_evidence
from goldenpath.release.artifact.layers import MODELS
from goldenpath.release.artifact.unpack import unpack
from goldenpath.release.artifact.unpacked import EVIDENCE
from goldenpath.release.attest.launch_trust import policy_of
from goldenpath.release.attest.verify import verify

_PARTIAL = ".goldenpath-partial"


@dataclass(frozen=True, slots=True)
class FetchedRelease:
    """A release in a folder."""

    digest: Digest
    folder: str
    mark: Literal["verified", "observed"]


def fetch_release(
    home: Home, source: str, folder: Path, trust: Path | None, *, is_unverified: bool = False
) -> FetchedRelease:
    """Verify a release and write its files to `folder`, which may exist and has to be empty.

    Raises `InvalidInput` without a trust file, `VerificationError` if the release does not hold.
    """
    terms = trust_file(trust)
    if terms is None and not is_unverified:
        raise InvalidInput(
            "no trust file was named, so nothing can be verified",
            hint="name a policy file or a platform.toml with --verify, or ask for --unverified",
        )
    store, name = locate(source, home)
    if not name or ("://" in source and not name.startswith("sha256:")):
        raise InvalidInput(
            f"{source} names no digest, and a tag can move to another release",
            hint="write its digest behind it, as oci://HOST/REPOSITORY@sha256:...",
        )
    image = find(store, name)
    statements: tuple[Digest, ...] = ()
    if terms is not None:
        verified = verify(store, image.digest, policy_of(terms), now=now())
        failed = [each for each in verified.findings if each.status == "fail"]
        if failed:
            raise VerificationError(
                f"{image.digest} may not be used: "
                + "; ".join(f"{each.check}: {each.message}" for each in failed),
                hint=failed[0].cure or None,
            )
        statements = tuple(each.envelope for each in verified.statements)
    _write(store, image, folder, statements)
    return FetchedRelease(image.digest, str(folder), "observed" if terms is None else "verified")


def _write(store: Store, image: Descriptor, folder: Path, statements: tuple[Digest, ...]) -> None:
    partial = folder / _PARTIAL
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _clear(folder)
        partial.mkdir(mode=0o700)
        unpack(store, image.digest, partial / "release")
        for path in (partial / "release" / MODELS).iterdir():
            path.rename(folder / path.name)
        copy_evidence(store, LayoutStore(folder / EVIDENCE), image, statements)
        shutil.rmtree(partial)
    except OSError as error:
        raise Unavailable(f"{folder} cannot be written: {error.strerror}") from error


def _clear(folder: Path) -> None:
    """Empty a folder that this program filled before, wholly or in part; refuse any other.

    A container that runs before a server is started again in the folder that it left.
    """
    found = sorted(path for path in folder.iterdir() if path.name != "lost+found")
    is_ours = any(path.name in (_PARTIAL, EVIDENCE) for path in found)
    if found and not is_ours:
        names = ", ".join(path.name for path in found[:3])
        raise InvalidInput(f"{folder} is not empty: it holds {names}", hint="name an empty folder")
    for path in sorted(found, key=lambda each: each.name == _PARTIAL):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
