"""Tags of releases, `MODEL-COMMIT`, and the newest release of a model by them."""

import re
from datetime import UTC, datetime

from goldenpath.digest import Digest
from goldenpath.errors import NotFound, VerificationError
from goldenpath.oci.store import Store
from goldenpath.release.artifact.unpack import read_image

CREATED = "org.opencontainers.image.created"
"""Annotation of an image: the time of the commit, RFC 3339 in UTC."""
_COMMIT_DIGITS = 12
RELEASE_TAG_FORM = rf".+-[0-9a-f]{{{_COMMIT_DIGITS}}}"
"""The tags of builds, as a regular expression."""


def release_tag(model: str, commit: str) -> str:
    """Return the tag under which a build stores its release."""
    return f"{model}-{commit[:_COMMIT_DIGITS]}"


def newest_release(store: Store, model: str) -> tuple[datetime, Digest]:
    """Return commit time and digest of the release of `model` with the newest commit.

    Raises `NotFound` if no tag of the store is one of a release of this model.
    """
    form = re.compile(rf"{re.escape(model)}-[0-9a-f]{{{_COMMIT_DIGITS}}}")
    digests = {store.resolve(tag).digest for tag in store.tags() if form.fullmatch(tag)}
    if not digests:
        raise NotFound(f"the store has no release of a model {model!r}")
    dated = ((_committed_at(store, digest), digest) for digest in digests)
    return max(dated, key=lambda pair: (pair[0], pair[1].text))


def tagged_releases(store: Store) -> frozenset[Digest]:
    """Return every release that a tag of the store names, whatever its model."""
    form = re.compile(RELEASE_TAG_FORM)
    return frozenset(store.resolve(tag).digest for tag in store.tags() if form.fullmatch(tag))


def _committed_at(store: Store, digest: Digest) -> datetime:
    text = read_image(store, digest).annotations.get(CREATED, "")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise VerificationError(f"{digest} has no time of its commit: got {text[:40]!r}") from error
    # A time without an offset could not be compared with the others.
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
