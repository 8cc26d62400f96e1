"""A store in a registry over HTTP (OCI distribution specification, version 1.1).

It works with registries of version 1.0 too. If the referrers API is missing or lists nothing, it
maintains the fallback tag as the specification demands.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from threading import Lock
from urllib.parse import urljoin

from goldenpath.canonical import parse_object
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, NotFound, VerificationError
from goldenpath.oci.descriptor import (
    EMPTY,
    IMAGE_INDEX,
    IMAGE_MANIFEST,
    MANIFEST_TYPES,
    Descriptor,
)
from goldenpath.oci.manifest import MAX_MANIFEST, as_referrer, parse_manifest
from goldenpath.oci.reference import is_tag
from goldenpath.oci.referrer_tag import FALLBACK_TAG
from goldenpath.oci.stores.download import download
from goldenpath.oci.stores.referrers import MAX_PAGES, Referrers, next_page
from goldenpath.oci.stores.session import Session
from goldenpath.oci.stores.streaming import UploadNotes, note_name, stream
from goldenpath.oci.stores.transport import Response, Transport, content, finish
from goldenpath.oci.stores.upload import Upload
from goldenpath.oci.stream import verified

_ACCEPT = {"Accept": f"{IMAGE_MANIFEST}, {IMAGE_INDEX}"}
_MANIFEST_ATTEMPTS = 3
"""Attempts to push a manifest, since another process may be sending one of its blobs right now."""
_SINGLE_REQUEST = 4 * 1024 * 1024
"""Bytes of the largest blob that is sent from memory in one request."""


class RemoteStore:
    """Implements `Store` for one repository of a registry. Safe to share between threads."""

    def __init__(
        self,
        transport: Transport,
        repository: str,
        *,
        mirrors: Iterable[Transport] = (),
        mounts: Iterable[str] = (),
        uploads: Path | None = None,
    ) -> None:
        """Connect `repository` behind `transport`.

        Content is read from `mirrors` first; tags and referrers never are. `mounts` are
        repositories of the same registry that may have a blob already. The folder `uploads`
        remembers interrupted uploads.
        """
        self._transport = transport
        self._repository = repository
        self._mirrors = tuple(mirrors)
        self._mounts = tuple(name for name in mounts if name != repository)
        self._uploads = UploadNotes(uploads)
        self._referrers = Referrers(transport, repository, uploads)
        self._blob_locks: dict[Digest, Lock] = {}
        self._sent: set[Digest] = set()

    def fetch(self, descriptor: Descriptor) -> Iterator[bytes]:
        """See `Store.fetch`. After a broken connection it resumes at the same byte."""
        kind = "manifests" if descriptor.media_type in MANIFEST_TYPES else "blobs"
        path = self._path(kind, descriptor.digest.text)
        origins = (*self._mirrors, self._transport)

        def read(start: int) -> Iterator[bytes]:
            return download(origins, path, self._pull, descriptor, seen=start)

        return verified(descriptor, read(0), read)

    def push(self, descriptor: Descriptor, chunks: Iterable[bytes]) -> None:
        """See `Store.push`."""
        if descriptor.media_type in MANIFEST_TYPES:
            self._push_manifest(descriptor, chunks)
            return
        # While a registry receives a blob again, it does not have the blob for a moment, and a
        # manifest that names it would be refused. So each blob is sent only once, under a lock.
        with self._blob_locks.setdefault(descriptor.digest, Lock()):
            if descriptor.digest not in self._sent:
                # Every client sends the empty blob, so it is sent only if it is missing.
                if descriptor.media_type != EMPTY or not self.exists(descriptor):
                    self._push_blob(descriptor, chunks)
                self._sent.add(descriptor.digest)

    def _push_blob(self, descriptor: Descriptor, chunks: Iterable[bytes]) -> None:
        source, session = verified(descriptor, chunks), self._session()
        if descriptor.size > _SINGLE_REQUEST and source.is_repeatable:
            name = note_name(self._transport.base, self._repository, descriptor.digest)
            stream(session, source, self._mounts, self._uploads, name=name)
        elif not session.start(descriptor.digest, self._mounts):
            Upload(session).write(source, descriptor.digest)

    def add(self, media_type: str, chunks: Iterable[bytes]) -> Descriptor:
        """See `Store.add`."""
        session = self._session()
        session.start()
        return Upload(session).write(chunks).described(media_type)

    def exists(self, descriptor: Descriptor) -> bool:
        """See `Store.exists`."""
        kind = "manifests" if descriptor.media_type in MANIFEST_TYPES else "blobs"
        path = self._path(kind, descriptor.digest.text)
        answer = self._get("HEAD", path, frozenset({200, 404, 405}))
        if answer.status == 405:
            # A registry that knows no HEAD sends the content. Its beginning is enough.
            answer = self._get("GET", path)
        length = answer.headers.get("Content-Length")
        finish(answer)
        return answer.status == 200 and length in (None, str(descriptor.size))

    def resolve(self, name: str) -> Descriptor:
        """See `Store.resolve`."""
        manifest = self._manifest(name)
        if manifest is None:
            raise NotFound(f"manifest {name!r} is not in {self._repository}")
        return manifest[0]

    def tag(self, name: str, descriptor: Descriptor) -> None:
        """See `Store.tag`."""
        if not is_tag(name):
            raise InvalidInput(f"tag {name[:200]!r} is not valid")
        body = b"".join(self.fetch(descriptor))
        try:
            finish(self._put_manifest(name, descriptor.media_type, body))
        except InvalidInput:
            # A registry with immutable tags refuses to write a tag again, even to what it says.
            current = self._manifest(name)
            if current is None or current[0].digest != descriptor.digest:
                raise

    def tags(self) -> tuple[str, ...]:
        """See `Store.tags`. Fallback tags are left out."""
        tags: set[str] = set()
        for answer in self._pages(self._path("tags", "list")):
            if answer.status != 200:
                finish(answer)
                break
            names = parse_object(content(answer), "list of tags").get("tags")
            if isinstance(names, list):
                tags.update(name for name in names if isinstance(name, str))
        return tuple(sorted(tag for tag in tags if not FALLBACK_TAG.fullmatch(tag)))

    def referrers(
        self, subject: Digest, artifact_type: str | None = None
    ) -> tuple[Descriptor, ...]:
        """See `Store.referrers`."""
        listed = self._referrers.listed(subject)
        return tuple(each for each in listed if artifact_type in (None, each.artifact_type))

    def _push_manifest(self, descriptor: Descriptor, chunks: Iterable[bytes]) -> None:
        if descriptor.size > MAX_MANIFEST:
            raise InvalidInput(f"manifest {descriptor.digest} is larger than {MAX_MANIFEST} bytes")
        body = b"".join(verified(descriptor, chunks))
        manifest = parse_manifest(descriptor.media_type, body)
        answer = self._put_repeatedly(descriptor, body)
        finish(answer)
        if manifest.subject is None:
            return
        plain = Descriptor(descriptor.media_type, descriptor.digest, descriptor.size)
        self._referrers.add(
            manifest.subject.digest,
            as_referrer(plain, manifest),
            is_listed="OCI-Subject" in answer.headers,
        )

    def _put_repeatedly(self, descriptor: Descriptor, body: bytes) -> Response:
        """Put a manifest; try again after a pause if a blob is missing for the moment."""
        for attempt in range(1, _MANIFEST_ATTEMPTS + 1):
            try:
                return self._put_manifest(descriptor.digest.text, descriptor.media_type, body)
            except InvalidInput as error:
                # The registry may have deleted a blob, so a later push sends all of them again.
                self._sent.clear()
                if attempt == _MANIFEST_ATTEMPTS or "MANIFEST_BLOB_UNKNOWN" not in error.message:
                    raise
            self._transport.pause(attempt)
        raise InvalidInput(f"manifest {descriptor.digest} was not tried")

    def _pages(self, path: str) -> Iterator[Response]:
        for _ in range(MAX_PAGES):
            answer = self._transport.send(
                "GET", path, scope=self._pull, accepted=frozenset({200, 404})
            )
            yield answer
            following = next_page(answer)
            if answer.status != 200 or following is None:
                return
            path = urljoin(urljoin(self._transport.base, path), following)
        raise VerificationError(
            f"registry sends too many pages for {path}: expected at most {MAX_PAGES}"
        )

    def _manifest(self, name: str) -> tuple[Descriptor, bytes] | None:
        """Return a manifest with its content; None if it is absent.

        The small content is always read, so no digest or size of a header has to be trusted.
        """
        if not name.startswith("sha256:") and not is_tag(name):
            raise InvalidInput(f"{name[:200]!r} is neither a tag nor a digest")
        answer = self._get("GET", self._path("manifests", name))
        if answer.status == 404:
            finish(answer)
            return None
        body = content(answer, MAX_MANIFEST)
        media_type = answer.headers.get("Content-Type", "").split(";")[0].strip()
        descriptor = Descriptor.of(media_type, body)
        if name.startswith("sha256:") and descriptor.digest != Digest(name):
            raise VerificationError(
                f"manifest has the wrong digest: expected {name}, got {descriptor.digest}"
            )
        return descriptor, body

    def _get(
        self, method: str, path: str, accepted: frozenset[int] = frozenset({200, 404})
    ) -> Response:
        return self._transport.send(
            method, path, scope=self._pull, headers=_ACCEPT, accepted=accepted
        )

    def _put_manifest(self, name: str, media_type: str, body: bytes) -> Response:
        return self._transport.send(
            "PUT",
            self._path("manifests", name),
            scope=self._push_scope,
            headers={"Content-Type": media_type},
            body=body,
            accepted=frozenset({200, 201, 202}),
        )

    def _session(self) -> Session:
        return Session(self._transport, self._path("blobs", "uploads/"), self._push_scope)

    def _path(self, kind: str, name: str) -> str:
        return f"/v2/{self._repository}/{kind}/{name}"

    @property
    def _pull(self) -> str:
        return f"repository:{self._repository}:pull"

    @property
    def _push_scope(self) -> str:
        mounts = (f"repository:{name}:pull" for name in self._mounts)
        return " ".join((f"repository:{self._repository}:pull,push", *mounts))
