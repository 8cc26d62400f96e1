"""Finds the release that a user wants to serve: a folder, a layout, a registry, the home."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from goldenpath.compose.stores import REGISTRIES, locate
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, NotFound, VerificationError
from goldenpath.home import Home
from goldenpath.oci.copy import copy
from goldenpath.oci.names import find
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.processes.launch import ReleaseSource
from goldenpath.release.artifact.evidence_copy import RELEASE_TAG
from goldenpath.release.artifact.unpacked import EVIDENCE, UnpackedStore, models_folder


class Wish(Protocol):
    """What the user says about the release."""

    @property
    def source(self) -> str:
        """A folder, `layout:PATH@NAME`, `oci://…@sha256:…`, or a name in the home's registry."""

    @property
    def evidence(self) -> str | None:
        """Where manifest and statements of a folder are: a layout or a registry."""

    @property
    def release(self) -> str | None:
        """The digest that the release has to have."""


@dataclass(frozen=True, slots=True)
class FoundRelease:
    """A release, where its bytes are, and what is known about it without a trust file."""

    digest: Digest
    source: ReleaseSource
    certainty: str


def find_release(home: Home, wish: Wish, state: Path, *, is_verified: bool) -> FoundRelease:
    """Return the release of `wish`; what comes from a registry is copied to `state` first.

    Raises `NotFound` if there is none, `InvalidInput` if it is not named by a digest or has
    another one, `VerificationError` if it has to be verified and there is no evidence.
    """
    if _is_folder(wish.source):
        return _in_folder(home, wish, is_verified=is_verified)
    if wish.evidence:
        raise InvalidInput(
            "--evidence is for a folder of files: a layout or a registry has its own"
        )
    if wish.source.partition("://")[0] in REGISTRIES:
        digest = _pulled(home, wish, state)
        source = ReleaseSource(str(Home(state).registry))
    else:
        store, name = locate(wish.source, home)
        if not isinstance(store, LayoutStore):
            raise InvalidInput(f"{wish.source} is not a layout")
        if not name:
            raise InvalidInput(
                f"{wish.source} names no release", hint=f"write {wish.source}@sha256:..."
            )
        digest, source = find(store, name).digest, ReleaseSource(str(store.root))
    _require(wish, digest)
    return FoundRelease(digest, source, "the bytes have the digest that they were asked for by")


def _is_folder(source: str) -> bool:
    if source.partition(":")[0] in ("layout", *REGISTRIES):
        return False
    # A bare name can be a tag of the home's registry.
    return "/" in source or source in (".", "..") or Path(source).is_dir()


def _in_folder(home: Home, wish: Wish, *, is_verified: bool) -> FoundRelease:
    path = Path(wish.source).absolute()
    folder = models_folder(path)
    evidence = wish.evidence or ""
    if evidence:
        return _with_evidence(home, wish, path, evidence)
    for place in (path / EVIDENCE, folder / EVIDENCE):
        if place.is_dir():
            digest = LayoutStore(place).resolve(wish.release or RELEASE_TAG).digest
            return FoundRelease(digest, ReleaseSource(str(path), "folder", str(place)), _COMPARED)
    if is_verified:
        raise VerificationError(
            f"{path} holds files without evidence, so nothing says who signed them",
            hint="name a layout or a registry with the statements: --evidence oci://...@sha256:...",
        )
    if wish.release:
        declared = Digest(wish.release)
        source = ReleaseSource(str(path), "folder", declared=declared.text)
        return FoundRelease(declared, source, "its digest is only declared by --release")
    own = UnpackedStore(folder).image.digest
    certainty = "its digest is that of the files as they are, not that of a release"
    return FoundRelease(own, ReleaseSource(str(path), "folder"), certainty)


_COMPARED = "the files have the digest in their manifest"


def _with_evidence(home: Home, wish: Wish, path: Path, evidence: str) -> FoundRelease:
    store, name = locate(evidence, home)
    name = wish.release or name
    if not name:
        raise InvalidInput(
            f"{evidence} names no release",
            hint=f"write {evidence}@sha256:..., or name the digest with --release",
        )
    image = find(store, name)
    _require(wish, image.digest)
    place = str(store.root) if isinstance(store, LayoutStore) else evidence.partition("@")[0]
    return FoundRelease(image.digest, ReleaseSource(str(path), "folder", place), _COMPARED)


def _pulled(home: Home, wish: Wish, state: Path) -> Digest:
    """Copy a release from a registry unless that was done before, and return its digest."""
    store, name = locate(wish.source, home)
    if not name.startswith("sha256:"):
        raise InvalidInput(
            f"{wish.source} names no digest, and a tag can move to another release",
            hint="write its digest behind it, as oci://HOST/REPOSITORY@sha256:...",
        )
    digest, local = Digest(name), LayoutStore(Home(state).registry)
    whole = f"whole-{digest.hex}"
    try:
        local.resolve(whole)
    except NotFound:
        image = find(store, name)
        copy(store, local, image)
        local.tag(whole, image)  # only now: its statements arrive after its manifest
    return digest


def _require(wish: Wish, digest: Digest) -> None:
    if wish.release and Digest(wish.release) != digest:
        raise InvalidInput(f"the release has another digest: expected {wish.release}, got {digest}")
