"""Resolves the names that people use for a manifest: a tag, a digest or the start of a digest."""

import re

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, NotFound
from goldenpath.oci.descriptor import Descriptor
from goldenpath.oci.store import Store

_PREFIX = re.compile(r"(?:sha256:)?([0-9a-f]{8,63})")
_FULL = re.compile(r"(?:sha256:)?([0-9a-f]{64})")


def find(store: Store, name: str) -> Descriptor:
    """Return the manifest that `name` names: a tag, a digest, or its first 8 or more hex digits.

    The first digits are compared with tagged manifests only. Raises `NotFound` if no manifest
    matches, and `InvalidInput` if more than one does.
    """
    if full := _FULL.fullmatch(name):
        return store.resolve("sha256:" + full[1])
    prefix = _PREFIX.fullmatch(name)
    if prefix is None:
        return store.resolve(name)
    tags = store.tags()
    if name in tags:
        return store.resolve(name)
    matches = {d.digest: d for d in map(store.resolve, tags) if d.digest.hex.startswith(prefix[1])}
    return _only(matches, name)


def _only(matches: dict[Digest, Descriptor], name: str) -> Descriptor:
    if not matches:
        raise NotFound(
            f"no manifest has the tag {name!r} or a digest that starts with it",
            hint="name an untagged manifest by its full digest",
        )
    if len(matches) > 1:
        digests = ", ".join(digest.hex[:16] for digest in sorted(matches))
        raise InvalidInput(
            f"{name!r} is ambiguous: expected the start of one digest, got that of {digests}",
            hint="give more digits",
        )
    return next(iter(matches.values()))
