"""Finds the manifest that a person means by a tag, a digest or the beginning of one."""

import re

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, NotFound
from goldenpath.oci.descriptor import Descriptor
from goldenpath.oci.store import Store

_BEGINNING = re.compile(r"(?:sha256:)?([0-9a-f]{8,63})")
_FULL = re.compile(r"(?:sha256:)?([0-9a-f]{64})")


def find(store: Store, name: str) -> Descriptor:
    """The one manifest that `name` means: tag, digest, or 8 or more of its hex digits.

    The beginning of a digest is looked for among tagged manifests. Raises `NotFound` if none, and
    `InvalidInput` if more than one begins so.
    """
    if full := _FULL.fullmatch(name):
        return store.resolve("sha256:" + full[1])
    beginning = _BEGINNING.fullmatch(name)
    if beginning is None:
        return store.resolve(name)
    tags = store.tags()
    if name in tags:
        return store.resolve(name)
    found = {d.digest: d for d in map(store.resolve, tags) if d.digest.hex.startswith(beginning[1])}
    return _one(found, name)


def _one(found: dict[Digest, Descriptor], name: str) -> Descriptor:
    if not found:
        raise NotFound(
            f"no manifest has the tag {name!r} or a digest that begins so",
            hint="name untagged manifests by their full digest",
        )
    if len(found) > 1:
        digests = ", ".join(digest.hex[:16] for digest in sorted(found))
        raise InvalidInput(f"{name!r} is ambiguous: it begins {digests}", hint="give more digits")
    return next(iter(found.values()))
