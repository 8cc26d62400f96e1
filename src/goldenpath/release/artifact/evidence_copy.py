"""Copies what is said about a release, without its layers, to the place of its unpacked files."""

from collections.abc import Iterable

from goldenpath.digest import Digest
from goldenpath.oci.copy import copy
from goldenpath.oci.descriptor import Descriptor
from goldenpath.oci.manifest import MAX_MANIFEST, Manifest
from goldenpath.oci.store import Store, read

RELEASE_TAG = "release"
"""The tag of the one release in a folder of evidence."""


def copy_evidence(
    source: Store, destination: Store, image: Descriptor, statements: Iterable[Digest] = ()
) -> None:
    """Copy manifest and config of a release, and those statements about it."""
    content = read(source, image, MAX_MANIFEST)
    config = Manifest.parse(content).config
    destination.push(config, [read(source, config, MAX_MANIFEST)])
    destination.push(image, [content])
    for statement in statements:
        copy(source, destination, source.resolve(statement.text), referrers=False, workers=1)
    destination.tag(RELEASE_TAG, image)
