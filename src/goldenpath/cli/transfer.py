"""Shared by push, pull and copy: find both stores, copy with a progress bar, tag, report."""

from dataclasses import dataclass

import click

from goldenpath import compose
from goldenpath.cli.output import Format, show
from goldenpath.cli.progress import moving
from goldenpath.oci.copy import copy, plan_size
from goldenpath.oci.descriptor import Descriptor
from goldenpath.oci.names import find
from goldenpath.oci.store import Store
from goldenpath.release.artifact.modelpack import ARTIFACT_TYPE

referrers_option = click.option(
    "--referrers/--no-referrers",
    default=True,
    show_default=True,
    help="Also copy every statement about it.",
)


@dataclass(frozen=True, slots=True)
class Transfer:
    """The result of a transfer: the digest and its places."""

    digest: str
    source: str
    destination: str
    tags: tuple[str, ...]
    manifests: int
    blobs_copied: int
    blobs_present: int
    bytes_copied: int


def registry_uri(text: str) -> str:
    """Return a typed reference as URI; `oci://` may be left out for push and pull."""
    return text if text.startswith("layout:") or "://" in text else f"oci://{text}"


def transfer(source: str, destination: str, *, referrers: bool, tag: str | None = None) -> Transfer:
    """Copy a release, and tag it at the destination: as its reference says, else as `tag`."""
    home = compose.home()
    origin, name = compose.locate(source, home)
    target, reference = compose.locate(destination, home, beside=source)
    descriptor = find(origin, name)
    with moving("copying", plan_size(origin, descriptor)) as progress:
        copied = copy(
            origin,
            target,
            descriptor,
            referrers=referrers,
            progress=lambda _descriptor, size: progress(size),
        )
    chosen = reference if reference and not reference.startswith("sha256:") else tag
    return Transfer(
        digest=descriptor.digest.text,
        source=source,
        destination=destination,
        tags=_tag(target, descriptor, chosen) if chosen else (),
        manifests=len(copied.manifests),
        blobs_copied=copied.blobs_copied,
        blobs_present=copied.blobs_present,
        bytes_copied=copied.bytes_copied,
    )


def show_transfer(copied: Transfer, output: Format) -> None:
    """Print what was copied."""
    tags = f" as {', '.join(copied.tags)}" if copied.tags else ""
    show(
        copied,
        f"{copied.digest}{tags}\n"
        f"{copied.manifests} manifests, {copied.blobs_copied} blobs copied "
        f"({copied.bytes_copied} bytes), {copied.blobs_present} were there",
        output,
    )


def _tag(store: Store, descriptor: Descriptor, tag: str) -> tuple[str, ...]:
    store.tag(tag, descriptor)
    packs = store.referrers(descriptor.digest, ARTIFACT_TYPE)
    if len(packs) != 1:
        return (tag,)
    store.tag(f"{tag}-modelpack", packs[0])
    return (tag, f"{tag}-modelpack")
